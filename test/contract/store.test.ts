/** What every store must do, whichever database is under it. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompiledQuery, type Dialect } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEPT, type KeptModel } from '../../central/feedback/reranker.ts';
import type { Report } from '../../central/ingest/report.ts';
import type { Plan } from '../../central/respond/plan.ts';
import { fileDialect, openStore, type Store } from '../../central/store/database.ts';
import type { TrailHead } from '../../central/store/steps.ts';
import { alert, BOOT, container, detection } from '../builders/summaries.ts';

const IMPLEMENTERS: Readonly<Record<string, (folder: string) => Dialect>> = {
  'node:sqlite': (folder) => fileDialect(join(folder, 'picket.db')),
};
const KEY = new Uint8Array(32).fill(7);
/** Nothing is too old or too much. */
const KEEP = { detailsBeforeMs: 0, storyBeforeMs: 0, nodesBeforeMs: 0, recordBeforeMs: 0, maxBytes: 0 };

it('is run for every database that picket can use', () => {
  expect(Object.keys(IMPLEMENTERS)).toEqual(['node:sqlite']);
});

const web = container('web-1');
const report = (sequence: number, change: Partial<Report> = {}): Report => ({
  cluster: 'local',
  node: 'node-1',
  boot: BOOT,
  sequence,
  receivedMs: 1_800_000_000_000 + sequence,
  anchor: { bootNs: 0n, wallMs: 1_800_000_000_000 },
  containers: [web],
  windows: [],
  detections: [],
  alerts: [],
  orderReports: [],
  health: null,
  sketches: [],
  sessions: [],
  standing: null,
  canaries: [],
  canaryIntervalMs: 0,
  ...change,
});
const window = (startNs: bigint): Report['windows'][number] => ({
  container: web.id,
  workload: web.workload,
  startNs,
  endNs: startNs + 5_000_000_000n,
  syscalls: 1,
  distinctSyscalls: 1,
  execs: 0,
  forks: 0,
  exits: 0,
  connects: 0,
  accepts: 0,
  failures: 0,
  newFacts: 0,
  lost: 0,
  losses: {},
  newPairs: 0,
  mode: '',
  state: 'learning',
  resources: null,
  oomKills: 0,
  podRestarts: 0,
  podWaiting: '',
  podLastEnd: '',
  podLifetimeMs: null,
  bytesIn: 0,
  bytesOut: 0,
  segments: 0,
  datagrams: 0,
  dnsQuestions: 0,
  dnsFailures: 0,
});
const step = (text: string) =>
  ({ atMs: 1, actor: 'admin', action: 'undo', incident: '', order: '', text }) as const;

const signal = (): AbortSignal => new AbortController().signal;

describe.each(Object.entries(IMPLEMENTERS))('%s', (_, dialectIn) => {
  let folder: string;
  let dialect: Dialect;
  let store: Store;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'picket-store-'));
    dialect = dialectIn(folder);
    store = await openStore({ dialect, auditKey: KEY });
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const add = (one: Report) => store.transaction(({ reports }) => reports.add(one));

  it('takes a report once', async () => {
    const one = report(1, { alerts: [alert(web)], detections: [detection(web)], windows: [window(0n)] });
    expect([(await add(one)).duplicate, (await add(one)).duplicate]).toEqual([false, true]);
    expect(await store.views.counts()).toMatchObject({ summaries: 1, alerts: 1, detections: 1, windows: 1 });
  });

  it('keeps an alert at its highest revision, whatever comes last', async () => {
    const titles = async () =>
      (await store.views.alerts({ limit: 9, before: null })).map((row) => 'title' in row && row.title);
    await add(report(1, { alerts: [alert(web, { revision: 3, title: 'third' })] }));
    const { alerts } = await add(report(2, { alerts: [alert(web, { revision: 2, title: 'second' })] }));
    expect([alerts, await titles()]).toEqual([[], ['third']]);
  });

  it('gives boot times back exactly, beyond 2^53 ns', async () => {
    const timeNs = 2n ** 63n - 1n;
    await add(report(1, { detections: [detection(web, { timeNs })] }));
    expect((await store.reports.detectionsOf(detection(web).alert, 9)).map((one) => one.timeNs)).toEqual([
      timeNs,
    ]);
  });

  it('adds up what a container did since a time, for a dry run', async () => {
    const did = { connects: 3, accepts: 2, bytesOut: 100, execs: 1 };
    const windows = [
      { ...window(0n), ...did },
      { ...window(5_000_000_000n), ...did },
    ];
    await add(report(1, { windows, detections: [detection(web, { wallMs: 1_900_000_000_000 })] }));
    expect(await store.views.activity(web.id, 0)).toMatchObject({
      ...{ container: web.id, windows: 2, connects: 6, accepts: 4, bytesOut: 200, execs: 2 },
      detections: [{ detector: 'shell-from-server', summary: 'A server started a shell.' }],
    });
    expect(await store.views.activity(web.id, 1_900_000_000_001)).toMatchObject({
      windows: 0,
      connects: 0,
      detections: [],
    });
  });

  it('does not let an older summary say which containers live', async () => {
    await add(report(5, { containers: [] }));
    await add(report(4, { containers: [web] }));
    expect(await store.views.containers({ limit: 9, offset: 0, live: true })).toEqual([]);
  });

  it('keeps nothing of a transaction that fails', async () => {
    const failing = store.transaction(async ({ reports, steps }) => {
      await reports.add(report(1, { alerts: [alert(web)] }));
      await steps.append(step('x'));
      throw new Error('in the middle');
    });
    await expect(failing).rejects.toThrow('in the middle');
    expect(await store.views.counts()).toMatchObject({ summaries: 0, alerts: 0, containers: 0, steps: 0 });
  });

  it('does not mix transactions that run at once', async () => {
    const reports = Array.from({ length: 20 }, (_, index) =>
      report(index, { windows: [window(BigInt(index))] }),
    );
    await Promise.all(reports.map((one) => add(one)));
    expect(await store.views.counts()).toMatchObject({ summaries: 20, windows: 20 });
  });

  it('chains its steps, and shows which one was changed', async () => {
    for (const text of ['one', 'two', 'three']) await store.steps.append(step(text));
    expect(await store.steps.verify([])).toMatchObject({ whole: true, broken: null });
    const connection = await dialect.createDriver().acquireConnection();
    await connection.executeQuery(CompiledQuery.raw('drop trigger steps_no_update'));
    await connection.executeQuery(CompiledQuery.raw(`update steps set text = 'too' where id = 2`));
    expect((await store.steps.verify([])).broken).toMatchObject({ line: 2 });
  });

  it('deletes old windows and detections, and keeps alerts and steps', async () => {
    const windows = Array.from({ length: 1200 }, (_, index) => window(BigInt(index)));
    await add(report(1, { windows, detections: [detection(web, { wallMs: 1000 })], alerts: [alert(web)] }));
    await store.steps.append(step('kept'));
    const limits = { ...KEEP, detailsBeforeMs: 1_900_000_000_000 };
    const deleted = await store.deleteOld(limits, signal());
    expect(deleted).toEqual([
      { table: 'windows', reason: 'age', rows: 1200 },
      { table: 'detections', reason: 'age', rows: 1 },
      { table: 'summaries', reason: 'age', rows: 1 },
    ]);
    expect(await store.views.counts()).toMatchObject({
      windows: 0,
      detections: 0,
      summaries: 0,
      alerts: 1,
      steps: 1,
    });
  });

  it('keeps for ever only what it says, of all tables that there are', async () => {
    const run = async (text: string) =>
      (await dialect.createDriver().acquireConnection()).executeQuery<Record<string, string>>(
        CompiledQuery.raw(text),
      );
    const all = await run(
      `select name from sqlite_master where type = 'table' and name not like 'sqlite%' and name not like 'kysely%'`,
    );
    const tables = all.rows.map(({ name }) => String(name)).toSorted();
    // What has ended: all else is in force and stays.
    const ended: Record<string, string> = { state: "'expired'", live: '0', place: '-1' };
    for (const table of tables) {
      const { rows } = await run(`select name, type from pragma_table_info('${table}')`);
      const values = rows.map(({ name = '', type }) => ended[name] ?? (type === 'text' ? "'{}'" : '1'));
      await run(`insert into ${table} (${rows.map(({ name }) => `"${name}"`)}) values (${values})`);
    }
    const late = 1_900_000_000_000;
    const limits = { detailsBeforeMs: late, storyBeforeMs: late, nodesBeforeMs: late, recordBeforeMs: late };
    await store.deleteOld({ ...limits, maxBytes: 0 }, signal());
    const left = [];
    for (const table of tables) if ((await run(`select 1 from ${table}`)).rows.length > 0) left.push(table);
    expect(left).toEqual([
      // At most 65,536 habits of a cluster, seven tallies.
      ...['api_habits', 'api_tallies'],
      // One row for each file of the setting.
      'audit_files',
      // What people said, a few lines a day.
      'feedback',
      // The last ten, one choice.
      ...['rerankers', 'reranking'],
      // Taken by pruneSteps, which leaves one line of what it took.
      ...['steps', 'steps_pruned'],
    ]);
  });

  it('keeps policies from when they went out of force on, and hits as long as their exception', async () => {
    const document = (name: string) =>
      ({ kind: 'PicketException', name, version: 'v1', body: '{}', source: 'file' }) as const;
    const use = (atMs: number, ...names: string[]) =>
      store.journal.putInForce(
        names.map((name) => document(name)),
        { actor: 'a', atMs },
      );
    await use(1000, 'stays', 'went');
    const facts = { excepted: 'went' };
    await add(report(1, { detections: [detection(web, { facts })] }));
    await use(5000, 'stays');
    expect(await store.deleteOld({ ...KEEP, storyBeforeMs: 5000 }, signal())).toEqual([]);
    expect(Object.keys(await store.views.exceptionHits())).toEqual(['went']);
    expect(await store.deleteOld({ ...KEEP, storyBeforeMs: 5001 }, signal())).toEqual([
      { table: 'policies', reason: 'age', rows: 1 },
      { table: 'exception_hits', reason: 'age', rows: 1 },
    ]);
    expect(await store.deleteOld({ ...KEEP, maxBytes: 1 }, signal())).not.toContainEqual(
      expect.objectContaining({ table: 'policies' }),
    );
  });

  it('deletes alerts and incidents when their time is over', async () => {
    await add(report(1, { alerts: [alert(web)] }));
    const limits = { ...KEEP, storyBeforeMs: 1_900_000_000_000 };
    expect(await store.deleteOld({ ...limits, storyBeforeMs: 1000 }, signal())).toEqual([]);
    const deleted = await store.deleteOld(limits, signal());
    expect(deleted).toContainEqual({ table: 'alerts', reason: 'age', rows: 1 });
    expect(await store.views.counts()).toMatchObject({ alerts: 0, incidents: 0, orders: 0 });
  });

  it('reads no more incidents than fill a page of those that somebody sees, and at most so many', async () => {
    const run = async (text: string) =>
      (await dialect.createDriver().acquireConnection()).executeQuery(CompiledQuery.raw(text));
    await run(`with recursive n(i) as (select 1 union all select i + 1 from n where i < 1200)
      insert into incidents select 'i' || i, 'c', 'open', 'high', '', '', '{"members":[],"id":"i' || i || '"}', i, i, 1, 0 from n`);
    const list = async (sees: (id: string) => boolean) => {
      const asked: string[] = [];
      const found = await store.views.incidents({
        ...{ limit: 5, before: null, state: null },
        sees: ({ id }) => {
          asked.push(id);
          return sees(id);
        },
      });
      return [found.map(({ id }) => id), asked.length];
    };
    expect(await list(() => true)).toEqual([['i1200', 'i1199', 'i1198', 'i1197', 'i1196'], 5]);
    expect(await list((id) => id.endsWith('99'))).toEqual([['i1199', 'i1099', 'i999', 'i899', 'i799'], 402]);
    expect(await list(() => false)).toEqual([[], 1000]);
  });

  it('forgets containers that are gone and the alerts of incidents with them, and keeps those that live', async () => {
    const run = async (text: string) =>
      (await dialect.createDriver().acquireConnection()).executeQuery<{ id: string }>(
        CompiledQuery.raw(text),
      );
    const gone = container('gone-1');
    await add(report(1, { containers: [web, gone] }));
    await add(report(2, { containers: [web] }));
    for (const [id, lastMs] of [
      ['old', 1],
      ['kept', 2_000_000_000_000],
    ] as const) {
      await run(
        `insert into incidents values ('${id}', 'c', 'closed', 'high', '', '', '{}', 1, ${lastMs}, 1, 0)`,
      );
      await run(`insert into incident_alerts (alert, incident) values ('al-${id}', '${id}')`);
    }
    const limits = { ...KEEP, storyBeforeMs: 1_900_000_000_000 };
    expect(await store.deleteOld(limits, signal())).toEqual([
      { table: 'incidents', reason: 'age', rows: 1 },
      { table: 'containers', reason: 'age', rows: 1 },
    ]);
    const left = await run('select id from containers union select alert from incident_alerts order by 1');
    expect(left.rows.map(({ id }) => id)).toEqual(['al-kept', web.id].toSorted());
  });

  it('looks at canaries of nodes that were heard, the last first, and forgets those of nodes long gone', async () => {
    const hear = (node: string, receivedMs: number) =>
      store.transaction(async ({ reports, canaries }) => {
        const one = report(1, { node, receivedMs, canaryIntervalMs: 1000 });
        await reports.add(one);
        await canaries.add(one);
      });
    for (const [node, receivedMs] of [
      ['old', 1000],
      ['first', 2000],
      ['last', 3000],
    ] as const)
      await hear(node, receivedMs);
    const heard = async (most: number, sinceMs: number) =>
      (await store.canaries.hearings(most, sinceMs)).map(({ node }) => node);
    expect([await heard(9, 1000), await heard(1, 0)]).toEqual([['last', 'first'], ['last']]);
    expect((await store.reports.nodes(2)).map(({ node }) => node)).toEqual(['last', 'first']);
    expect(await store.deleteOld({ ...KEEP, nodesBeforeMs: 2000 }, signal())).toEqual([
      { table: 'nodes', reason: 'age', rows: 1 },
      { table: 'canaries', reason: 'age', rows: 1 },
    ]);
    expect((await store.reports.nodes(9)).map(({ node }) => node)).toEqual(['last', 'first']);
    expect(await heard(9, 0)).toEqual(['last', 'first']);
  });

  it('counts containers of nodes that are gone as replicas no more, until their node speaks again', async () => {
    await add(report(1, { node: 'gone', receivedMs: 1000, containers: [container('web-9')] }));
    await add(report(1, { receivedMs: 5000 }));
    const replicas = async () => (await store.orders.situation(null, 6000)).replicas[web.workload];
    expect(await replicas()).toBe(2);
    await store.endContainers(5000);
    expect(await replicas()).toBe(1);
    await add(report(2, { node: 'gone', receivedMs: 6000, containers: [container('web-9')] }));
    expect(await replicas()).toBe(2);
  });

  it('reads a plan of before there were some of the actions as one that does none of them', async () => {
    const action = { networkDeny: true, killOnExec: true, leaseMs: 1 };
    const plan = { id: 'p', incident: 'i', madeMs: 1, steps: [{ action }] } as unknown as Plan;
    await store.orders.savePlan(plan, 'proposed');
    expect((await store.orders.lastPlan('i'))?.steps[0]?.action).toEqual({
      ...{ ...action, allow: [], freeze: false, kill: false },
      ...{ execDeny: false, cutProbes: false, cluster: [] },
    });
  });

  it('deletes the oldest details first when it holds too much, and no more than is needed', async () => {
    const windows = Array.from({ length: 4000 }, (_, index) => window(BigInt(index)));
    await add(report(1, { windows, alerts: [alert(web)] }));
    const full = await store.bytes();
    const limits = { ...KEEP, maxBytes: Math.floor(full * 0.7) };
    const deleted = await store.deleteOld(limits, signal());
    expect(deleted.every(({ reason }) => reason === 'size')).toBe(true);
    expect(await store.bytes()).toBeLessThanOrEqual(limits.maxBytes);
    const { windows: left = 0, alerts } = await store.views.counts();
    expect([left > 0 && left < 4000, alerts]).toEqual([true, 1]);
    expect(await store.deleteOld(limits, signal())).toEqual([]);
  });

  it('deletes what is old before what is young, whichever table it is in', async () => {
    const windows = Array.from({ length: 4000 }, (_, index) => window(BigInt(index)));
    const wallMs = 1_800_000_000_000 + 7_200_000;
    const detections = Array.from({ length: 600 }, (_, at) => detection(web, { id: `d-${at}`, wallMs }));
    await add(report(1, { windows, detections }));
    const limits = { ...KEEP, maxBytes: Math.floor((await store.bytes()) * 0.8) };
    await store.deleteOld(limits, signal());
    const { windows: left = 0, detections: kept } = await store.views.counts();
    expect([left > 0 && left < 4000, kept]).toEqual([true, 600]);
  });

  it('keeps incidents that are contained or wait and plans that are proposed, whatever their age and size', async () => {
    const run = async (text: string) =>
      (await dialect.createDriver().acquireConnection()).executeQuery<{ id: string }>(
        CompiledQuery.raw(text),
      );
    for (const state of ['open', 'awaiting', 'contained', 'closed'])
      await run(
        `insert into incidents values ('${state}', 'c', '${state}', 'high', '', '', 1, 1, 1, 0, '{}')`,
      );
    for (const state of ['proposed', 'executed'])
      await run(
        `insert into plans (id, incident, state, document, made_ms) values ('${state}', 'i', '${state}', '{}', 1)`,
      );
    const left = async () =>
      (await run('select id from incidents union select id from plans order by id')).rows.map(({ id }) => id);
    await store.deleteOld({ ...KEEP, maxBytes: 1 }, signal());
    expect(await left()).toEqual(['awaiting', 'contained', 'proposed']);
    await store.deleteOld({ ...KEEP, storyBeforeMs: 1000 }, signal());
    expect(await left()).toEqual(['awaiting', 'contained', 'proposed']);
  });

  it('takes the oldest steps away and keeps the rest provable', async () => {
    for (const text of ['one', 'two', 'three', 'four']) await store.steps.append(step(text));
    const head = await store.steps.head();
    const prune = { beforeMs: Number.MAX_SAFE_INTEGER, nowMs: 5000 };
    expect(await store.pruneSteps({ ...prune, beforeMs: 0, most: 500 })).toBe(0);
    expect(await store.pruneSteps({ ...prune, most: 2 })).toBe(2);
    expect(await store.steps.head()).toEqual(head);
    await store.steps.append(step('five'));
    expect(await store.steps.verify([head])).toMatchObject({ whole: true, lines: 5, pruned: 2 });
    // The last one stays whatever its age: the next follows it.
    expect(await store.pruneSteps({ ...prune, most: 500 })).toBe(2);
    expect(await store.steps.verify([])).toMatchObject({ whole: true, lines: 5, pruned: 4 });
    const run = async (text: string) =>
      (await dialect.createDriver().acquireConnection()).executeQuery(CompiledQuery.raw(text));
    expect((await run('select line from steps_pruned')).rows).toEqual([{ line: 4 }]);
    await expect(run('delete from steps_pruned')).rejects.toThrow('the newest stays');
  });

  it('shows steps that were taken away without the key, and does not let others go', async () => {
    for (const text of ['one', 'two', 'three']) await store.steps.append(step(text));
    const run = async (text: string) =>
      (await dialect.createDriver().acquireConnection()).executeQuery(CompiledQuery.raw(text));
    await expect(run('delete from steps where id = 1')).rejects.toThrow('append only');
    await run(`insert into steps_pruned values (1, 1, 'made up', 5000, 'no seal')`);
    await run('delete from steps where id = 1');
    expect((await store.steps.verify([])).broken).toMatchObject({ line: 1 });
    expect(await store.pruneSteps({ beforeMs: Number.MAX_SAFE_INTEGER, nowMs: 1, most: 9 })).toBeNull();
  });

  it('has the same end whenever it is asked while steps are pruned, and is whole then', async () => {
    for (let at = 0; at < 30; at += 1) await store.steps.append(step(`${at}`));
    const head = await store.steps.head();
    const prune = { beforeMs: Number.MAX_SAFE_INTEGER, nowMs: 5000, most: 1 };
    for (let at = 0; at < 12; at += 1) {
      const [now, verdict] = await Promise.all([
        store.steps.head(),
        store.steps.verify([head]),
        store.pruneSteps(prune),
      ]);
      expect([now, verdict.broken, verdict.lines]).toEqual([head, null, 30]);
    }
  });

  it('prunes no step that is not what was written', async () => {
    for (const text of ['one', 'two', 'three']) await store.steps.append(step(text));
    const run = async (text: string) =>
      (await dialect.createDriver().acquireConnection()).executeQuery(CompiledQuery.raw(text));
    await run('drop trigger steps_no_update');
    await run(`update steps set text = 'too' where id = 2`);
    expect(await store.pruneSteps({ beforeMs: 1000, nowMs: 1000, most: 9 })).toBeNull();
    expect((await store.steps.verify([])).broken).toMatchObject({ line: 2 });
    // What is before it may go.
    expect(await store.pruneSteps({ beforeMs: 1000, nowMs: 1000, most: 1 })).toBe(1);
  });

  it('compares the last line that was pruned, and says of earlier ones that they cannot be', async () => {
    const heads: TrailHead[] = [];
    for (const text of ['one', 'two', 'three', 'four']) {
      await store.steps.append(step(text));
      heads.push(await store.steps.head());
    }
    await store.pruneSteps({ beforeMs: 1000, nowMs: 1000, most: 2 });
    const verify = async (line: number, hash = 'ab'.repeat(32)) => {
      const { whole, broken, unproved } = await store.steps.verify([{ line, hash }]);
      return [whole, broken?.line ?? null, unproved];
    };
    expect(await verify(2, heads[1]?.hash)).toEqual([true, null, []]);
    expect(await verify(2)).toEqual([false, 2, []]);
    expect(await verify(1)).toEqual([false, null, [1]]);
  });

  it('counts hits of exceptions that central made or read, whatever else a node names', async () => {
    const excepted = (name: string, at = 0) =>
      detection(web, { id: `d-${name}-${at}`, facts: { excepted: name } });
    await store.journal.putInForce(
      ['a', 'b'].map((name) => ({ kind: 'PicketException', name, version: '1', body: '{}', source: 'file' })),
      { actor: 'central', atMs: 1 },
    );
    await store.feedback.addException({
      ...{ name: 'made', workload: '*', detector: null, facts: {}, reason: '', actor: 'alice' },
      ...{ madeMs: 1, expiresMs: 2, verdict: 'v', revokedMs: 0, revokedBy: '' },
    });
    const names = Array.from({ length: 10_000 }, (_, at) => `made-up-${at}`);
    expect((await add(report(1, { detections: names.map((name) => excepted(name)) }))).uncounted).toBe(
      10_000,
    );
    const detections = [excepted('a'), excepted('a', 1), excepted('made'), excepted('further')];
    expect((await add(report(2, { detections }))).uncounted).toBe(1);
    const hits = Object.entries(await store.views.exceptionHits()).map(([name, of]) => [name, of.hits]);
    expect(hits.toSorted()).toEqual([
      ['a', 2],
      ['made', 1],
    ]);
  });

  it.each([
    ['promoted', 'latest'],
    ['dropped', 'm-1'],
  ] as const)('keeps the re-ranking model that is in force (%s, chosen: %s) after 20 newer ones', async (place, choice) => {
    const model = { version: 'm-1' } as KeptModel['model'];
    await store.reranker.save({ model, madeMs: 1, placedMs: 1, place });
    await store.reranker.choose(choice, { actor: 'p', atMs: 1 });
    for (let at = 2; at <= KEPT + 2; at += 1)
      await store.reranker.save({
        ...{ model: { ...model, version: `m-${at}` }, madeMs: at, placedMs: at },
        place: 'dropped',
      });
    const versions = (await store.reranker.models(KEPT)).map((one) => one.model.version);
    expect([versions.length, versions[0], versions.at(-1)]).toEqual([KEPT, `m-${KEPT + 2}`, 'm-1']);
    expect(versions).not.toContain('m-2');
  });

  it('says that it is full, keeps nothing of that report, and goes on when there is space', async () => {
    await add(report(1));
    const connection = await dialect.createDriver().acquireConnection();
    const pages = async (most: number) =>
      connection.executeQuery(CompiledQuery.raw(`pragma max_page_count = ${most}`));
    await pages(1);
    const windows = Array.from({ length: 5000 }, (_, index) => window(BigInt(index)));
    await expect(add(report(2, { windows }))).rejects.toMatchObject({ code: 'PICKET_STORE_FULL' });
    expect(await store.views.counts()).toMatchObject({ summaries: 1, windows: 0 });
    await pages(1_000_000);
    expect((await add(report(2, { windows }))).duplicate).toBe(false);
  });

  it('is readable by its owner only', () => {
    // SQLite's own files beside it hold the same rows.
    const files = readdirSync(folder).filter((name) => name.startsWith('picket.db'));
    expect(files).toContain('picket.db-wal');
    expect(files.map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual(files.map(() => 0o600));
  });

  it('opens again with what it had', async () => {
    await add(report(1, { alerts: [alert(web)] }));
    await store.close();
    store = await openStore({ dialect: dialectIn(folder), auditKey: KEY });
    expect((await add(report(1))).duplicate).toBe(true);
  });
});
