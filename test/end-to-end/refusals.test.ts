/** What a node that is not ours, or is hostile, can make of central: a clear error, a count, and no change. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attack, container, type detection, summary } from '../builders/summaries.ts';
import { connectNode, enrol, foreignIdentity, type Identity, type Sent } from '../central/harness.ts';
import { cleanUp, skipReason } from '../native/kernel-fixtures.ts';
import { type RunningAgent, type RunningCentral, startAgent, startCentral } from './processes.ts';
import {
  detectionsIn,
  eventually,
  openWorld,
  query,
  readLog,
  type TestContainer,
  type World,
} from './world.ts';

const refusal = skipReason('hostile nodes and names from end to end');

describe.skipIf(refusal !== null)('refusals', { timeout: 60_000 }, () => {
  let world: World;
  let central: RunningCentral;
  let identity: Identity;

  /** Everything that a summary can change. */
  const everything = (): unknown =>
    [
      'nodes',
      'containers',
      'summaries',
      'windows',
      'detections',
      'alerts',
      'incidents',
      'orders',
      'steps',
    ].map((table) => [table, query(central.ready.database, `select * from ${table} order by 1, 2, 3, 4`)]);
  const refused = (code: string): Promise<number> =>
    central.metric(`picket_central_requests_total{route="POST /v1/summaries",code="${code}"}`);

  /** Sends, and expects the refusal counted and nothing changed. */
  async function expectRefusal(
    send: { as: Identity | null; body: Parameters<ReturnType<typeof connectNode>['send']>[0] },
    code: string,
  ): Promise<Sent> {
    const [before, counted] = [everything(), await refused(code)];
    const node = connectNode(central.ready, send.as);
    const sent = await node.send(send.body).finally(() => node.close());
    expect(sent.error?.code).toBe(code);
    expect(await refused(code)).toBe(counted + 1);
    expect(everything()).toEqual(before);
    return sent;
  }

  beforeAll(async () => {
    world = await openWorld();
    central = await startCentral(world.folder);
    identity = await enrol(central.ready);
    const node = connectNode(central.ready, identity);
    const sent = await node.send(attack([container('web-0')], { sequence: 1 })).finally(() => node.close());
    expect(sent.status).toBe(200);
    await eventually(
      'its incident',
      () => query(central.ready.database, 'select id from incidents').length > 0,
    );
  }, 90_000);
  afterAll(cleanUp, 30_000);

  test('a summary without a certificate, or with one of another authority, is refused with 401', async () => {
    const body = attack([container('web-1')], { sequence: 2 });
    const none = await expectRefusal({ as: null, body }, 'PICKET_CERTIFICATE');
    expect([none.status, none.error?.message]).toEqual([
      401,
      'client certificate: none was sent; enrol first',
    ]);
    const foreign = await expectRefusal({ as: await foreignIdentity(), body }, 'PICKET_CERTIFICATE');
    expect(foreign.status).toBe(401);
    expect(foreign.error?.message).toContain('not accepted');
  });

  test('a summary for another node, of another schema, or too large is refused with its own code', async () => {
    const other = await expectRefusal(
      { as: identity, body: summary({ sequence: 2, node: 'node-2' }) },
      'PICKET_IDENTITY',
    );
    expect([other.status, other.error?.message]).toEqual([
      403,
      'node: "node-2" is not "node-1" of the client certificate',
    ]);
    const schema = await expectRefusal(
      { as: identity, body: summary({ sequence: 2, schema: 7 }) },
      'PICKET_SCHEMA',
    );
    expect([schema.status, schema.error?.message]).toEqual([400, 'schema: 7 is not 1']);
    const large = await expectRefusal(
      { as: identity, body: new Uint8Array(5 * 1024 ** 2) },
      'PICKET_TOO_LARGE',
    );
    expect(large.status).toBe(413);
    const noise = await expectRefusal(
      { as: identity, body: new TextEncoder().encode('no summary') },
      'PICKET_MALFORMED',
    );
    expect(noise.status).toBe(400);
  });

  test('a summary with a name that acts on a terminal or is too long is refused, and named', async () => {
    const [first] = attack([container('web-2')]).detections ?? [];
    const hostile = { ...first, summary: 'opened \u001b[2J/etc/shadow' } as ReturnType<typeof detection>;
    const control = await expectRefusal(
      { as: identity, body: summary({ sequence: 2, detections: [hostile] }) },
      'PICKET_HOSTILE_NAME',
    );
    expect(control.error?.message).toBe(
      'detections[0].summary: "opened \\u001b[2J/etc/shadow" contains control characters',
    );
    const long = { ...first, summary: 'x'.repeat(5000) } as ReturnType<typeof detection>;
    const tooLong = await expectRefusal(
      { as: identity, body: summary({ sequence: 2, detections: [long] }) },
      'PICKET_HOSTILE_NAME',
    );
    expect(tooLong.error?.message).toContain('is longer than 4096');
  });

  test('a summary that is played again is answered as a duplicate and changes nothing but when it was seen', async () => {
    const tables = ['summaries', 'containers', 'detections', 'alerts', 'incidents', 'orders', 'steps'];
    const rows = (): unknown =>
      tables.map((table) => query(central.ready.database, `select * from ${table} order by 1, 2, 3, 4`));
    const before = rows();
    const counted = await central.metric('picket_central_summaries_total{result="duplicate"}');
    const node = connectNode(central.ready, identity);

    const sent = await node.send(attack([container('web-9')], { sequence: 1 })).finally(() => node.close());

    expect([sent.status, sent.reply?.duplicate]).toEqual([200, true]);
    expect(await central.metric('picket_central_summaries_total{result="duplicate"}')).toBe(counted + 1);
    expect(rows()).toEqual(before);
  });
});

/** Control characters, quotes, a line end, a terminal's title sequence, C1, direction marks, half a UTF-8 character. */
const HOSTILE = Buffer.concat([
  Buffer.from('a"b\'c\\d\n\r\t\u0001\u001b]0;x\u0007\u009b\u202e\u2028{}$(id)\u007f'),
  Buffer.from([0xff, 0xc3]),
]);

describe.skipIf(refusal !== null)('hostile names on a node', { timeout: 60_000 }, () => {
  let world: World;
  let central: RunningCentral;
  let agent: RunningAgent;
  let inside: TestContainer;

  beforeAll(async () => {
    world = await openWorld();
    inside = await world.container({ name: 'inside', namespace: 'other' });
    central = await startCentral(world.folder);
    agent = await startAgent(central, { 'pin-folder': world.pins, pods: world.podsFile });
    await eventually('its pod', () => agent.knows(inside.id));
  }, 90_000);
  afterAll(cleanUp, 30_000);

  /** Every line of the log is one JSON object without a character that acts on a terminal. */
  function expectTameLog(): void {
    const text = readFileSync(agent.alertLog, 'utf8');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(text.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g)).toBeNull();
    for (const line of readLog(agent.alertLog)) expect(typeof line).toBe('object');
  }
  /** Waits for the container's detections of that detector in the log and in the store; their log lines. */
  async function arrived(detector: string, known: number) {
    const lines = () =>
      detectionsIn(agent.alertLog, inside.id)
        .slice(known)
        .filter((line) => line.detector === detector);
    await eventually(`a ${detector}`, () => lines().length > 0);
    const sql = 'select id, summary from detections where container = ? and detector = ?';
    const rows = await eventually('it in the store', () => {
      const found = query<{ id: string; summary: string }>(central.ready.database, sql, inside.id, detector);
      return lines().every(({ id }) => found.some((row) => row.id === id)) ? found : null;
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(rows.filter(({ summary }) => /[\u0000-\u001f\u007f-\u009f]/.test(summary))).toEqual([]);
    return lines();
  }

  test('a file in a folder with a hostile name is opened: the detection arrives, the log stays whole', async () => {
    const known = detectionsIn(agent.alertLog, inside.id).length;
    const folder = Buffer.concat([Buffer.from(`${world.folder}/`), HOSTILE]);
    mkdirSync(folder);
    writeFileSync(Buffer.concat([folder, Buffer.from('/shadow')]), 'made up\n');
    const link = join(world.folder, 'to-hostile');
    symlinkSync(Buffer.concat([folder, Buffer.from('/shadow')]), link);

    expect(await inside.ask(`open ${link}`)).toBe(0);

    const [line] = await arrived('secret-read', known);
    expect(line?.facts['file']).toContain('a"b\'c\\d\n\r\t\u0001');
    expectTameLog();
  });

  test('a program with a hostile name is executed and reads a secret', async () => {
    const known = detectionsIn(agent.alertLog, inside.id).length;
    const program = Buffer.concat([Buffer.from(`${world.folder}/`), HOSTILE.subarray(0, 24)]);
    copyFileSync('/bin/cat', program);
    const secret = join(world.folder, 'shadow');
    writeFileSync(secret, 'made up\n');
    const link = join(world.folder, 'program');
    symlinkSync(program, link);

    expect(await inside.run(`exec ${link} ${secret} > /dev/null`)).toBe(0);

    const [ran] = await arrived('exec-from-memory-or-temp', known);
    expect(ran?.summary).toContain('a"b');
    const [read] = await arrived('secret-read', known);
    expect(read?.facts['program']).toContain('a"b');
    expectTameLog();
  });

  test('a file at a path of nearly 4 KiB is opened', async () => {
    const known = detectionsIn(agent.alertLog, inside.id).length;
    const [most, part] = [4090 - '/shadow'.length, `"'${'x'.repeat(240)}`];
    let folder = world.folder;
    while (folder.length + part.length + 2 < most) folder = join(folder, part);
    folder = join(folder, 'x'.repeat(most - folder.length - 1));
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'shadow');
    writeFileSync(path, 'made up\n');
    const link = join(world.folder, 'to-long');
    // A link's target may be as long as a path.
    symlinkSync(path, link);

    expect(await inside.ask(`open ${link}`)).toBe(0);

    const [line] = await arrived('secret-read', known);
    console.log(
      `measured: a path of ${path.length} bytes is told in ${line?.facts['file']?.length} characters`,
    );
    expect(line?.facts['file']).toMatch(/x\/shadow$/);
    expectTameLog();
  });

  test('the terminal’s view of the alert log is tame too', () => {
    const shown = execFileSync(
      process.execPath,
      [join(import.meta.dirname, '../../cli/main.ts'), 'alerts', '--alert-log', agent.alertLog],
      { encoding: 'utf8', maxBuffer: 2 ** 28 },
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(shown.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g)).toBeNull();
    expect(shown).toContain('shadow');
  });

  test('an agent that cannot verify central gives away nothing, keeps its detections, and delivers them later', async () => {
    await agent.stop();
    const folder = join(world.folder, 'stranger');
    mkdirSync(folder);
    const otherCa = join(folder, 'other-ca.crt');
    writeFileSync(otherCa, (await foreignIdentity('CN=other authority')).certificate);
    const { files } = central.ready;
    const misled = { ...central, folder, ready: { ...central.ready, files: { ...files, ca: otherCa } } };
    const flags = { 'pin-folder': world.pins, pods: world.podsFile };
    const stranger = await startAgent(misled, flags);
    const secret = join(world.folder, 'shadow');
    writeFileSync(secret, 'made up\n');

    await inside.ask(`open ${secret}`);
    await eventually('a failed enrolment', async () =>
      Object.values((await stranger.status()).numbers.enrolmentFailures).some((count) => count > 0),
    );
    const [made] = await eventually('its detection', () => {
      const lines = detectionsIn(stranger.alertLog, inside.id).filter(
        (line) => line.detector === 'secret-read',
      );
      return lines.length > 0 ? lines : null;
    });
    expect((await stranger.status()).central.enrolled).toBe(false);
    const stored = () =>
      query<{ id: string }>(central.ready.database, 'select id from detections').map(({ id }) => id);
    expect(stored()).not.toContain(made?.id);
    await stranger.stop();

    agent = await startAgent({ ...central, folder }, flags);

    await eventually('it in the store', () => stored().includes(made?.id ?? ''));
  });
});
