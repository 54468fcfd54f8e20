/** From a person's verdict to what is kept out, over the People API of a real central. */
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hashedValue } from '../../../kit/private-value.ts';
import { hasherOf, hashKey } from '../../../kit/sketch/hash-key.ts';
import { alert, attack, container, detection, summary } from '../../builders/summaries.ts';
import { startCentral, type TestCentral, type TestNode, temporaryFolder } from '../harness.ts';

let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
let node: TestNode;
let sequence = 0;

beforeEach(async () => {
  folder = temporaryFolder();
  central = await startCentral({ folder: folder.path });
  node = central.node(await central.enrol());
  sequence = 0;
});
afterEach(async () => {
  await central.stop();
  folder.remove();
});

const web = container('web-1');
const api = container('api-1');
const hex = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 20);
const alr = (name: string): string => `alr-${hex(name)}`;
interface Shape {
  readonly on?: typeof web;
  readonly facts?: Record<string, string>;
  readonly detector?: string;
}
/** One alert on one detection; each its own, an hour apart, so that each makes an incident. */
async function happens(
  name: string,
  { on = web, facts = { exe: '/bin/sh', pid: '1' }, detector = 'shell-from-server' }: Shape = {},
) {
  sequence += 1;
  const at = Date.now() - (100 - sequence) * 3_600_000;
  const id = alr(name);
  const detections = [detection(on, { id: `det-${hex(name)}`, alert: id, facts, detector, wallMs: at })];
  const alerts = [alert(on, { id, detectors: [detector], firstWallMs: at, lastWallMs: at })];
  await node.send(summary({ sequence, containers: [web, api], detections, alerts }));
  return id;
}
interface Reply {
  readonly verdict: { readonly id: string };
  readonly proposals: readonly { readonly workload: string }[];
  readonly preview: { readonly incidents: readonly string[] };
  readonly exceptions: readonly { readonly name: string }[];
  readonly error?: { readonly message: string };
}
const post = async (path: string, body: object) => {
  const { status, value } = await central.call('POST', `/api/v1/${path}`, body);
  return { status, value: value as unknown as Reply };
};
const say = (id: string, verdict: string) => post('feedback', { alert: id, verdict, reason: 'because' });
const suppressed = async (id: string) => {
  const { value } = await central.call('GET', '/api/v1/alerts');
  return (value['alerts'] as { id: string; suppressed: string }[]).find((one) => one.id === id)?.suppressed;
};

it('of a false alarm proposes the narrowest exception, and says what it would have hidden', async () => {
  await happens('one', {
    facts: { exe: '/bin/sh', parent: 'httpd', pid: '1', args_hash: 'ab', periods: '9' },
  });
  const again = await happens('two', {
    facts: {
      ...{ exe: '/bin/sh', parent: 'httpd', pid: '2', args_hash: 'cd', args_sha256: '02a30e8a5bd26709' },
      ...{ lowered: 'Lowered: it was told 2 time(s) before.', pod_last_end: 'Error, exit 1, after 9 s' },
    },
  });
  await happens('other', { facts: { exe: '/bin/sh', parent: 'cron', pid: '3' } });
  await happens('elsewhere', { on: api, facts: { exe: '/bin/sh', parent: 'httpd', pid: '4' } });
  const { status, value } = await say(again, 'false-positive');
  expect(status).toBe(201);
  expect(value.proposals).toEqual([
    {
      name: expect.stringMatching(/^fp-[0-9a-f]{12}$/),
      workload: web.workload,
      detector: 'shell-from-server',
      facts: { exe: '/bin/sh', parent: 'httpd' },
      broad: false,
    },
  ]);
  expect(value.preview).toMatchObject({ of: 3, alerts: 2, called: [] });
  expect(value.preview.incidents).toHaveLength(2);
});

it('leaves out what differed between false alarms of the same kind', async () => {
  const facts = (path: string) => ({ exe: '/bin/sh', parent: 'cron', path });
  await say(await happens('one', { facts: facts('/tmp/a') }), 'false-positive');
  const { value } = await say(await happens('two', { facts: facts('/tmp/b') }), 'false-positive');
  expect(value.proposals).toMatchObject([{ facts: { exe: '/bin/sh', parent: 'cron' } }]);
});

it('of the detections of one alarm each has its own exception: what tells them apart is not left out, and no session comes again', async () => {
  const rare = (fact: string) => ({ fact, context: 'session', session: '4711:99', periods: '14', uid: '0' });
  const id = alr('job');
  const at = Date.now();
  const detections = ['folder r /a', 'syscall mount', 'exec sh > cat'].map((fact) =>
    detection(web, { id: `det-${hex(fact)}`, alert: id, facts: rare(fact), detector: 'rarity', wallMs: at }),
  );
  const alerts = [alert(web, { id, detectors: ['rarity'], firstWallMs: at, lastWallMs: at })];
  await node.send(summary({ sequence: 1, containers: [web], detections, alerts }));
  // Asked again it is the same: the verdict that was given is no other occurrence.
  await say(id, 'false-positive');
  const { value } = await say(id, 'false-positive');
  const facts = value.proposals.map((one) => (one as unknown as { facts: object }).facts);
  expect(facts).toEqual(
    ['folder r /a', 'syscall mount', 'exec sh > cat'].map((fact) => ({ context: 'session', fact, uid: '0' })),
  );
});

it('many alike are put together by what was done, and not by who was at work alone', async () => {
  const many = async (name: string, factsOf: (n: number) => Record<string, string>) => {
    sequence += 1;
    const id = alr(name);
    const detections = Array.from({ length: 12 }, (_, n) =>
      detection(web, { id: `det-${hex(`${name}${n}`)}`, alert: id, facts: factsOf(n), detector: name }),
    );
    const alerts = [alert(web, { id, detectors: [name] })];
    await node.send(summary({ sequence, containers: [web], detections, alerts }));
    const { value } = await say(id, 'false-positive');
    return value.proposals as unknown as { facts: object; broad: boolean }[];
  };
  const context = 'session';
  expect(await many('alike', (n) => ({ exe: 'tar', path: `/p${n}`, context }))).toMatchObject([
    { facts: { exe: 'tar', context }, broad: false },
  ]);
  const apart = await many('apart', (n) => ({ fact: `folder r /p${n}`, context }));
  expect([apart.length, apart.some(({ broad }) => broad)]).toEqual([12, false]);
});

it('in force it keeps the like of it out of incidents, counts that, and does so until it is revoked', async () => {
  const { value: given } = await say(await happens('one'), 'false-positive');
  const verdict = given.verdict.id;
  const { status, value: made } = await post('exceptions', { verdict, lease: '7d' });
  const name = made.exceptions[0]?.name ?? '';
  expect(status).toBe(201);
  await happens('two', { facts: { exe: '/bin/sh', pid: '77' } });
  await happens('not-alike', { facts: { exe: '/usr/bin/nc', pid: '78' } });
  expect(await suppressed(alr('two'))).toBe(name);
  expect(await suppressed(alr('not-alike'))).toBe('');
  const listed = (await central.call('GET', '/api/v1/exceptions')).value['exceptions'] as object[];
  expect(listed).toMatchObject([{ name, state: 'in force', hits: 1, actor: 'admin', reason: 'because' }]);
  await post(`exceptions/${name}/revoke`, { reason: 'no more' });
  await happens('three', { facts: { exe: '/bin/sh', pid: '79' } });
  expect(await suppressed(alr('three'))).toBe('');
  expect((await post(`exceptions/${name}/revoke`, { reason: 'again' })).status).toBe(404);
  const steps = (await central.call('GET', '/api/v1/steps')).value['steps'] as { action: string }[];
  const said = steps.map(({ action }) => action).filter((action) => action !== 'plan' && action !== 'enrol');
  expect(said).toEqual(['revoke', 'except', 'feedback']);
});

it('is in force again after a restart, and ends by itself', async () => {
  const { value: given } = await say(await happens('one'), 'false-positive');
  await post('exceptions', { verdict: given.verdict.id, lease: '1h', reason: 'for now' });
  await central.stop();
  central = await startCentral({ folder: folder.path });
  node = central.node(await central.enrol());
  await happens('two');
  expect(await suppressed(alr('two'))).not.toBe('');
  const db = new DatabaseSync(central.ready.database);
  db.exec(`update exceptions set expires_ms = ${Date.now() - 1}`);
  db.close();
  await central.stop();
  central = await startCentral({ folder: folder.path });
  node = central.node(await central.enrol());
  await happens('three');
  expect(await suppressed(alr('three'))).toBe('');
});

it('does not put in force what would hide an alert that was called real', async () => {
  await say(await happens('real'), 'true-positive');
  const { value } = await say(await happens('false'), 'false-positive');
  const { status, value: answer } = await post('exceptions', {
    verdict: value.verdict.id,
    reason: 'quiet',
  });
  expect([status, answer.error?.message]).toEqual([
    409,
    `it would hide alert ${alr('real')}, which was called real`,
  ]);
});

it('nor what would hide one that was told in clear, where the false alarm told a hash', async () => {
  const [secret = ''] = (await central.enrol('node-2')).hashKeys;
  const exe = hashedValue('exe', '/bin/sh', hasherOf(hashKey(secret)));
  await say(await happens('real', { facts: { exe: '/bin/sh' } }), 'true-positive');
  const { value } = await say(await happens('false', { facts: { exe } }), 'false-positive');
  const { status, value: answer } = await post('exceptions', { verdict: value.verdict.id, reason: 'quiet' });
  expect([status, answer.error?.message]).toEqual([
    409,
    `it would hide alert ${alr('real')}, which was called real`,
  ]);
});

it('refuses what names nothing, no verdict, a true one, and a lease without an end', async () => {
  const real = (await say(await happens('real'), 'true-positive')).value.verdict.id;
  const statuses = [
    await say(alr('unknown'), 'false-positive'),
    await say(alr('real'), 'maybe'),
    await post('feedback', { verdict: 'false-positive', reason: 'x' }),
    await post('exceptions', { verdict: 'fbk-unknown', reason: 'x' }),
    await post('exceptions', { verdict: real, reason: 'x' }),
    await post('exceptions', { verdict: real, lease: '366d', reason: 'x' }),
  ].map(({ status }) => status);
  expect(statuses).toEqual([404, 400, 400, 404, 409, 400]);
});

it('a verdict on an incident is one on all its alerts, and nobody changes it afterwards', async () => {
  await node.send(attack([web, api], { sequence: 1 }));
  const incidents = (await central.call('GET', '/api/v1/incidents')).value['incidents'] as { id: string }[];
  const [first] = incidents;
  const { value } = await post('feedback', {
    incident: first?.id,
    verdict: 'false-positive',
    reason: 'a drill',
  });
  const workloads = value.proposals.map(({ workload }) => workload);
  expect(workloads.sort()).toEqual([api.workload, web.workload].slice(0, workloads.length).sort());
  const db = new DatabaseSync(central.ready.database);
  for (const change of ["update feedback set verdict = 'true-positive'", 'delete from feedback'])
    expect(() => db.exec(change)).toThrow('append only');
  db.close();
});

it('orders incidents by what was said of earlier ones, once there is enough; and can be switched off', async () => {
  const ranks = async (order = '') => {
    const { value } = await central.call('GET', `/api/v1/incidents?limit=2${order}`);
    return (value['incidents'] as { title: string; rank: number | null }[]).map(({ title, rank }) => [
      title.split(' (')[0],
      rank === null ? null : rank > 0.5,
    ]);
  };
  for (let at = 0; at < 10; at += 1) {
    await say(await happens(`good-${at}`, { detector: 'sharp', facts: { exe: `/a${at}` } }), 'true-positive');
    await say(await happens(`bad-${at}`, { detector: 'noisy', facts: { exe: `/b${at}` } }), 'false-positive');
  }
  await happens('new-good', { on: api, detector: 'sharp' });
  await happens('new-bad', { detector: 'noisy' });
  const model = (await central.call('GET', '/api/v1/reranking')).value;
  expect(model).toMatchObject({
    choice: 'latest',
    inForce: expect.stringMatching(/^[0-9a-f]{12}$/),
    verdicts: { truePositives: 10, falsePositives: 10, least: 10 },
    validation: { labelFree: 0.5, reranked: 1 },
  });
  expect((await ranks()).map(([, rank]) => rank)).toEqual([false, true]);
  expect((await ranks('&order=rank')).map(([, rank]) => rank)).toEqual([true, false]);
  expect((await post('reranking', { use: 'ffffffffffff' })).status).toBe(404);
  await post('reranking', { use: 'off' });
  expect((await ranks()).map(([, rank]) => rank)).toEqual([null, null]);
  await post('reranking', { use: String(model['inForce']) });
  await central.stop();
  central = await startCentral({ folder: folder.path });
  expect((await ranks()).map(([, rank]) => rank)).toEqual([false, true]);
});

it('counts how often each detector was right and wrong about each workload, by the last that was said', async () => {
  await say(await happens('one'), 'false-positive');
  await say(alr('one'), 'true-positive');
  await say(await happens('two'), 'false-positive');
  await say(await happens('three', { on: api, detector: 'rarity' }), 'false-positive');
  await happens('nobody-said');
  const { judged } = (await central.call('GET', '/api/v1/reranking')).value as { judged: object[] };
  expect(judged).toEqual([
    { workload: web.workload, detector: 'shell-from-server', hits: 1, falseAlarms: 1 },
    { workload: api.workload, detector: 'rarity', hits: 0, falseAlarms: 1 },
  ]);
});
