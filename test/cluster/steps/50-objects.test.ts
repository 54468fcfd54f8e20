/** The custom resources as people use them, each on the real API server: refused, in force, seen, with an effect, deleted. */
import { beforeAll, describe, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { type Desk, deployDesk } from '../desk.ts';
import { columns, inForce, picketObject, refusal } from '../objects.ts';
import { alertLog, incidents, picket } from '../release.ts';

const cluster = attach();
const PLACE = 'objects';
const WORKLOAD = `test/${PLACE}/Deployment/desk/desk`;
let desk: Desk;
let pod = '';

beforeAll(async () => {
  desk = await deployDesk(cluster, PLACE, 1);
  [pod = ''] = desk.pods;
});

const made = (kind: string, name: string, spec: object, namespace?: string): Promise<void> =>
  cluster.apply(picketObject(kind, name, spec, namespace));
const patched = (what: readonly string[], spec: object): Promise<string> =>
  cluster.kubectl(['patch', ...what, '--type=merge', '-p', JSON.stringify({ spec })]);
const gone = (...what: string[]): Promise<string> => cluster.kubectl(['delete', ...what, '--timeout=120s']);
const listed = async (what: 'policy' | 'exceptions'): Promise<Record<string, unknown>[]> => {
  const answer = JSON.parse(await picket(cluster, 'central', [what, '--json'])) as Record<string, unknown>;
  return answer[what === 'policy' ? 'policies' : what] as Record<string, unknown>[];
};

const RULE = {
  sentence: 'A marked program ran.',
  on: ['exec'],
  when: 'event.file.startsWith("marked-")',
  severity: 'high',
  summary: 'marked: {event.file}',
  next: 'Ask who marked it.',
};
let deeds = 0;
/** Runs another marked program each time: the same again would be told no second time. */
async function runsMarked(): Promise<string> {
  deeds += 1;
  const name = `marked-${deeds}`;
  // Busybox knows no applet of this name: it ends with a failure, and was run.
  await desk.does(pod, `cp /bin/busybox /tmp/${name}; /tmp/${name} || true`);
  return name;
}
const toldOf = async (detector: string, name: string): Promise<boolean> =>
  (await alertLog(cluster)).some(
    (line) => line['detector'] === detector && JSON.stringify(line).includes(name),
  );
const incidentsHere = async (): Promise<unknown[]> =>
  (await incidents(cluster)).filter((one) => JSON.stringify(one['involved']).includes(WORKLOAD));

describe('PicketRule', () => {
  test('refused by the API server: a severity and grades', async () => {
    const words = refusal(made('PicketRule', 'bad', { ...RULE, grades: [{ severity: 'low' }] }));
    expect(await words).toContain('either severity, or grades whose last has no when');
  });

  test('one that does not compile says where, in its status, its column and an Event', async () => {
    await made('PicketRule', 'broken', { ...RULE, when: 'event.nothing == "such"' });
    const { status, reason, message } = await inForce(cluster, 'picketrule', 'broken');
    expect([status, reason]).toEqual(['False', 'Refused']);
    expect(message).toMatch(/^spec line \d+, column \d+, .*nothing/);
    const shown = await columns(cluster, ['picketrule', 'broken']);
    expect(shown).toMatchObject({ NAME: 'broken', SEVERITY: 'high', 'IN FORCE': 'False' });
    expect(shown['WHY NOT']).toContain('spec line');
    const events = (): Promise<string> =>
      cluster.kubectl(['get', 'events', '-A', '--field-selector', 'involvedObject.name=broken']);
    await expect.poll(events, { timeout: 180_000, interval: 1000 }).toContain('Refused');
    await gone('picketrule', 'broken');
  });

  test('an exception in force keeps what a rule tells out of incidents, and counts it', async () => {
    const words = refusal(made('PicketException', 'bad', { match: { workload: '*' }, reason: 'a test' }));
    expect(await words).toContain('an exception for everything says nothing of what is excepted');
    await made('PicketException', 'marked', { match: { workload: WORKLOAD }, reason: 'Marked on purpose.' });
    expect(await inForce(cluster, 'picketexception', 'marked')).toMatchObject({ status: 'True' });
    expect(await columns(cluster, ['picketexception', 'marked'])).toMatchObject({
      WORKLOAD,
      'IN FORCE': 'True',
      REASON: 'Marked on purpose.',
    });
    await made('PicketRule', 'marked', RULE);
    expect(await inForce(cluster, 'picketrule', 'marked')).toMatchObject({ status: 'True', message: '' });
    expect(await columns(cluster, ['picketrule', 'marked'])).toMatchObject({ 'IN FORCE': 'True' });
    // Any of them: on a busy machine a line comes only after the next is run.
    const told = (): Promise<boolean> => runsMarked().then(() => toldOf('marked', 'marked-'));
    await until('the rule on the node', told, 180_000);
    const hits = async (): Promise<unknown> =>
      (await listed('exceptions')).find(({ name }) => name === 'marked')?.['hits'];
    await expect.poll(hits, { timeout: 180_000, interval: 1000 }).toBeGreaterThan(0);
    expect(await incidentsHere()).toEqual([]);
  });

  test('the exception deleted, it opens an incident; the rule deleted, it is told no more', async () => {
    await gone('picketexception', 'marked');
    const isListed = async (): Promise<boolean> =>
      (await listed('exceptions')).some(({ name, state }) => name === 'marked' && state === 'in force');
    await expect.poll(isListed, { timeout: 180_000, interval: 1000 }).toBe(false);
    await until('an incident', async () => {
      await runsMarked();
      return (await incidentsHere()).length > 0;
    });
    await gone('picketrule', 'marked');
    // The node is told with the answer to its next summary.
    await until('a marked program that is not told', async () => {
      const name = await runsMarked();
      // One that is not in the log says nothing of the rule: then the next is asked about.
      await until('the program in the log', () => toldOf('rarity', name), 20_000);
      return !(await toldOf('marked', name));
    });
  });
});

describe('PicketPolicy', () => {
  const here = { namespaces: [PLACE] };

  test('refused by the API server: one with nothing to do, and one that kills anywhere', async () => {
    const nothing = { networkDeny: false, killOnExec: false };
    expect(await refusal(made('PicketPolicy', 'bad', { mode: 'ask', action: nothing }))).toContain(
      'nothing to do',
    );
    expect(await refusal(made('PicketPolicy', 'bad', { mode: 'enforce', action: { kill: true } }))).toContain(
      'killing by itself needs a match that says where',
    );
  });

  test('one that central cannot read is not in force, says why, and keeps no other out', async () => {
    await made('PicketPolicy', 'unread', { match: here, mode: 'ask', action: { lease: '0s' } });
    await made('PicketPolicy', 'read', { match: here, mode: 'observe', priority: 5 });
    const unread = await inForce(cluster, 'picketpolicy', 'unread');
    expect(unread).toMatchObject({ status: 'False', reason: 'Refused' });
    expect(unread.message).toContain('lease');
    expect(await inForce(cluster, 'picketpolicy', 'read')).toMatchObject({ status: 'True' });
    const shown = await columns(cluster, ['picketpolicy', 'read']);
    expect(shown).toMatchObject({ MODE: 'observe', PRIORITY: '5', 'IN FORCE': 'True' });
  });

  test('central has it while it is there', async () => {
    const names = async (): Promise<unknown[]> =>
      (await listed('policy')).filter((one) => one['inForce'] === true).map(({ name }) => name);
    expect(await names()).toContain('read');
    await gone('picketpolicy', 'read', 'unread');
    await expect.poll(names, { timeout: 180_000, interval: 1000 }).not.toContain('read');
  });
});

describe('PicketProfile', () => {
  const PROFILE = ['picketprofile', 'desk', '-n', PLACE];
  const status = async (): Promise<unknown> =>
    (await cluster.get<{ status?: object }>(PROFILE)).status ?? null;

  test('pins what its workload has learnt, on the node that runs it', async () => {
    await made('PicketProfile', 'desk', { workload: 'Deployment/desk/desk', pinned: true }, PLACE);
    await expect.poll(status, { timeout: 180_000, interval: 1000 }).toMatchObject({ nodes: 1, pinnedOn: 1 });
    const shown = await columns(cluster, PROFILE);
    expect(shown).toMatchObject({ WORKLOAD: 'Deployment/desk/desk', PINNED: 'true', NODES: '1' });
    expect(shown['STATE']).toMatch(/^(learning|young|mature)$/);
  });

  test('is for one workload for good', async () => {
    const other = refusal(patched(PROFILE, { workload: 'Deployment/other/desk' }));
    expect(await other).toContain('make another object for another workload');
  });

  test('deleted, the workload learns again', async () => {
    await gone(...PROFILE);
    await made('PicketProfile', 'desk', { workload: 'Deployment/desk/desk' }, PLACE);
    await expect.poll(status, { timeout: 180_000, interval: 1000 }).toMatchObject({ nodes: 1, pinnedOn: 0 });
    await gone(...PROFILE);
  });
});

describe('PicketNode', () => {
  test('says that its agent is heard, with every hook', async () => {
    const shown = await columns(cluster, ['picketnode', cluster.node]);
    expect(shown).toMatchObject({ NAME: cluster.node, REPORTING: 'True', HOOKS: 'True' });
    expect([shown['VERSION'], Number(shown['MEMORY']) > 1e6]).toEqual([
      (await picket(cluster, 'agent', ['--version'])).trim(),
      true,
    ]);
  });

  test('is central’s to write, and made again when it was deleted', async () => {
    const words = refusal(patched(['picketnode', cluster.node], { cluster: 'another' }));
    expect(await words).toContain('central writes it');
    await gone('picketnode', cluster.node);
    const reporting = async (): Promise<string | undefined> =>
      (await columns(cluster, ['picketnode', cluster.node]))['REPORTING'];
    await until('the node again', async () => (await reporting()) === 'True', 180_000);
  });
});

describe('Containment', () => {
  const ASKED = { pod: '', reason: 'A test asks.', requestedBy: 'admin', action: { killOnExec: false } };
  const ITS = ['containment', 'asked', '-n', PLACE];
  const phase = (name = 'asked'): Promise<string> =>
    cluster.kubectl(['get', 'containment', name, '-n', PLACE, '-o', 'jsonpath={.status.phase}']);

  test('refused by the API server: in another’s name, and without a reason', async () => {
    const another = { ...ASKED, pod, requestedBy: 'dana' };
    expect(await refusal(made('Containment', 'asked', another, PLACE))).toContain(
      'spec.requestedBy must be your own user name, admin',
    );
    const { reason: _, ...silent } = { ...ASKED, pod };
    expect(await refusal(made('Containment', 'asked', silent, PLACE))).toContain(
      'missing required field "reason"',
    );
  });

  test('for a pod that is not there it is refused, and says so', async () => {
    await made('Containment', 'astray', { ...ASKED, pod: 'nobody' }, PLACE);
    await expect.poll(() => phase('astray'), { timeout: 180_000, interval: 1000 }).toBe('Refused');
    const shown = await columns(cluster, ['containment', 'astray', '-n', PLACE]);
    expect(shown['MESSAGE']).toContain(`of pod ${PLACE}/nobody is known`);
    await gone('containment', 'astray', '-n', PLACE);
  });

  test('made by a person, it cuts the pod off, and its events and columns say so', async () => {
    expect(await desk.reaches(pod)).toBe('yes');
    await made('Containment', 'asked', { ...ASKED, pod }, PLACE);
    await expect.poll(() => phase(), { timeout: 180_000, interval: 1000 }).toBe('Active');
    expect(await desk.reaches(pod)).toBe('no');
    const shown = await columns(cluster, ITS);
    expect(shown).toMatchObject({ POD: pod, PHASE: 'Active', BY: 'admin' });
    expect(Date.parse(shown['UNTIL'] ?? '')).toBeGreaterThan(Date.now());
    const events = ['get', 'events', '-n', PLACE, '--field-selector', 'involvedObject.name=asked'];
    await expect
      .poll(() => cluster.kubectl(events), { timeout: 180_000, interval: 1000 })
      .toMatch(/Active +containment\/asked/);
  });

  test('it cannot be made longer, nor approved by who asked', async () => {
    expect(await refusal(patched(ITS, { lease: '7d' }))).toContain('only approvedBy can be set later');
    expect(await refusal(patched(ITS, { approvedBy: 'admin' }))).toContain('who asks cannot approve');
  });

  test('deleted, it is taken back', async () => {
    await gone(...ITS);
    await expect.poll(() => desk.reaches(pod), { timeout: 180_000, interval: 1000 }).toBe('yes');
  });
});
