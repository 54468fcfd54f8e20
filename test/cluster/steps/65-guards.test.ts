/** What keeps the response from doing too much, or for ever: each guard of a policy, with the installed release. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { type Desk, deployDesk } from '../desk.ts';
import { inForce, picketObject } from '../objects.ts';
import { incidents } from '../release.ts';

const cluster = attach();

interface Step {
  readonly target: { readonly pod: string; readonly namespace: string };
  readonly verdict: string;
  readonly because: string;
}
interface Item {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly pod: string };
  readonly status?: { readonly phase?: string; readonly message?: string };
}
interface Wanted {
  readonly mode: 'observe' | 'ask' | 'enforce';
  readonly lease?: string;
  readonly limits?: { maxContainers?: number; maxPercentOfWorkload?: number; perHour?: number };
  readonly protectedNamespaces?: readonly string[];
}

/** One for each guard: what a person says of an incident's container stands for the rest of it. */
const PLACES = { watched: 1, asked: 1, held: 1, several: 2, share: 2, often: 2, safe: 1 } as const;
type Place = keyof typeof PLACES;
const namespaceOf = (place: Place): string => `guard-${place}`;
const desks = {} as Record<Place, Desk>;

beforeAll(async () => {
  for (const [place, replicas] of Object.entries(PLACES) as [Place, number][])
    desks[place] = await deployDesk(cluster, namespaceOf(place), replicas);
}, 600_000);

/** Each has a name of its own: what one did in the last hour counts for none of the others. */
const policyOf = (place: Place): string => `guarded-${place}`;

/** Attacked once, and no earlier than its policy comes: an incident that is quiet for `incident-window` is answered no more. */
const attacked = new Set<Place>();

/** Puts a policy about this place alone in force, in place of its one before. */
async function decide(place: Place, wanted: Wanted): Promise<void> {
  const { mode, lease = '30m', limits = {}, protectedNamespaces = [] } = wanted;
  if (!attacked.has(place)) await desks[place].attacked();
  attacked.add(place);
  const spec = {
    match: { namespaces: [namespaceOf(place)], minSeverity: 'low' },
    mode,
    action: { networkDeny: true, killOnExec: false, lease },
    limits: { maxContainers: 10, maxPercentOfWorkload: 100, perHour: 100, ...limits },
    protectedNamespaces,
  };
  await cluster.apply(picketObject('PicketPolicy', policyOf(place), spec));
  expect(await inForce(cluster, 'picketpolicy', policyOf(place))).toMatchObject({ status: 'True' });
}

const objects = async (place: Place): Promise<Item[]> =>
  (await cluster.get<{ items: Item[] }>(['containments', '-n', namespaceOf(place)])).items;
const phases = async (place: Place): Promise<(string | undefined)[]> =>
  (await objects(place)).map(({ status }) => status?.phase).sort();
const poll = <T>(ask: () => Promise<T>) => expect.poll(ask, { timeout: 180_000, interval: 1000 });

/** What was decided last about the pods of the place. */
async function steps(place: Place): Promise<Pick<Step, 'verdict' | 'because'>[]> {
  const plans = (await incidents(cluster)).flatMap(
    ({ plans: all }) => all as { madeMs: number; steps: Step[] }[],
  );
  const last = new Map<string, Step>();
  for (const plan of plans.toSorted((a, b) => a.madeMs - b.madeMs))
    for (const step of plan.steps)
      if (step.target.namespace === namespaceOf(place)) last.set(step.target.pod, step);
  return [...last.values()].map(({ verdict, because }) => ({ verdict, because }));
}
const reaches = (place: Place): Promise<string[]> =>
  Promise.all(desks[place].pods.map((pod) => desks[place].reaches(pod)));

afterEach(async () => {
  const places = Object.keys(PLACES) as Place[];
  const policies = places.map(policyOf);
  await cluster.kubectl(['delete', 'picketpolicy', ...policies, '--ignore-not-found', '--timeout=60s']);
  for (const place of places)
    await cluster.kubectl([
      ...['delete', 'containments', '--all', '-n', namespaceOf(place), '--timeout=120s'],
    ]);
});

test('observe: it is written down, and nothing is done', async () => {
  await decide('watched', { mode: 'observe' });
  await poll(() => steps('watched')).toEqual([
    { verdict: 'record', because: `policy ${policyOf('watched')} says observe` },
  ]);
  expect([await objects('watched'), await reaches('watched')]).toEqual([[], ['yes']]);
});

test('ask: a person’s no stands, also when a later policy would act by itself', async () => {
  await decide('asked', { mode: 'ask' });
  await poll(() => phases('asked')).toEqual(['Proposed']);
  const [proposed] = await objects('asked');
  await cluster.kubectl(['delete', 'containment', proposed?.metadata.name ?? '', '-n', namespaceOf('asked')]);
  // Central looks at what was deleted each 2 s.
  const states = async (): Promise<unknown[]> =>
    (await incidents(cluster)).flatMap(({ plans }) => plans as { state: string }[]).map(({ state }) => state);
  await poll(states).toContain('refused');
  await decide('asked', { mode: 'enforce' });
  await poll(() => steps('asked')).toEqual([
    { verdict: 'refuse', because: 'a person refused it in this incident' },
  ]);
  expect(await reaches('asked')).toEqual(['yes']);
});

test('enforce: it is cut off with nobody asked, and free when its lease ends; it is not done again', async () => {
  await decide('held', { mode: 'enforce', lease: '90s' });
  await poll(() => phases('held')).toEqual(['Active']);
  expect(await reaches('held')).toEqual(['no']);
  await poll(() => phases('held')).toEqual(['Expired']);
  await decide('held', { mode: 'enforce', lease: '91s' });
  await poll(() => steps('held')).toEqual([
    { verdict: 'refuse', because: 'its lease ran out and nothing new was seen since' },
  ]);
  await poll(() => reaches('held')).toEqual(['yes']);
}, 600_000);

describe('what exceeds a limit waits for a person', () => {
  test.each([
    ['several', { maxContainers: 1 }, 'at most 1 (maxContainers)'],
    ['share', { maxPercentOfWorkload: 50 }, 'at most 50 % (maxPercentOfWorkload)'],
    ['often', { perHour: 1 }, 'at most 1 (perHour)'],
  ] as const)('%s', async (place, limits, because) => {
    await decide(place, { mode: 'enforce', limits });
    await poll(() => phases(place)).toEqual(['Active', 'Proposed']);
    expect((await reaches(place)).toSorted()).toEqual(['no', 'yes']);
    const proposed = (await steps(place)).filter(({ verdict }) => verdict === 'propose');
    expect(proposed).toEqual([{ verdict: 'propose', because: expect.stringContaining(because) }]);
  });
});

test('a protected namespace is left alone, by policies and by people', async () => {
  await decide('safe', { mode: 'enforce', protectedNamespaces: [namespaceOf('safe')] });
  const because = `namespace ${namespaceOf('safe')} is protected`;
  await poll(() => steps('safe')).toEqual([{ verdict: 'refuse', because }]);
  const [pod = ''] = desks.safe.pods;
  const spec = { pod, reason: 'A person asks.', requestedBy: 'admin' };
  await cluster.apply(picketObject('Containment', 'asked', spec, namespaceOf('safe')));
  const said = (): Promise<(string | undefined)[]> =>
    objects('safe').then((all) => all.map(({ status }) => `${status?.phase}: ${status?.message}`));
  await poll(said).toEqual([`Refused: ${because}`]);
  expect(await reaches('safe')).toEqual(['yes']);
});
