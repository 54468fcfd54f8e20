import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Fact } from '../../../agent/features/fact.ts';
import { Baseline, MAX_BASELINE_BYTES } from '../../../agent/models/baseline.ts';
import { Checkpoint } from '../../../agent/models/checkpoint.ts';
import type { Period } from '../../../agent/models/periods.ts';
import { hashOf, PROFILE_KIND, PROFILE_VERSION, Registry } from '../../../agent/models/registry.ts';
import { LATE_QUORUM, QUORUM } from '../../../agent/models/suspects.ts';

const options = { learnWindows: 6, matureWindows: 20 };
const exec = (value: string): Fact => ({ kind: 'exec', value });
const period = (facts: readonly Fact[], more: Partial<Period> = {}): Period => ({
  phase: 'steady',
  facts,
  flagged: [],
  withheld: false,
  complete: true,
  ...more,
});
function aged(periods: number): Baseline {
  const baseline = new Baseline('w', options);
  for (let n = 0; n < periods; n++) baseline.learn(period([exec('a')]));
  return baseline;
}
const flagged = (fact: Fact, byRule: boolean): Period => period([fact], { flagged: [{ fact, byRule }] });

test('is learning, then young, then mature', () => {
  expect([0, 5, 6, 19, 20].map((n) => aged(n).state)).toEqual([
    'learning',
    'learning',
    'young',
    'young',
    'mature',
  ]);
});

test('a period with loss is counted and not learnt', () => {
  const baseline = aged(6);
  baseline.learn(period([exec('b')], { complete: false }));
  expect([baseline.incomplete, baseline.periods, baseline.seen(exec('b'))]).toEqual([1, 6, 0]);
});

test('a withheld period teaches nothing, not even what was not flagged', () => {
  const baseline = aged(6);
  baseline.learn(
    period([exec('b'), exec('c')], { flagged: [{ fact: exec('b'), byRule: true }], withheld: true }),
  );
  expect([baseline.withheld, baseline.periods, baseline.seen(exec('c'))]).toEqual([1, 6, 0]);
});

test('what was flagged before the baseline was mature enters after a quorum of periods', () => {
  const baseline = aged(6);
  for (let n = 1; n < QUORUM; n++) baseline.learn(flagged(exec('b'), true));
  expect([baseline.seen(exec('b')), baseline.suspected(exec('b'))]).toEqual([0, QUORUM - 1]);
  baseline.learn(flagged(exec('b'), true));
  expect(baseline.seen(exec('b'))).toBe(QUORUM);
});

test.each([
  true,
  false,
])('a habit is known as well as it was seen, also once its suspicion is forgotten (whole: %s)', (complete) => {
  const baseline = aged(6);
  const habit = period([exec('b')], { flagged: [{ fact: exec('b'), byRule: true }], complete });
  for (let n = 0; n < QUORUM; n++) baseline.learn(habit);
  // What else is called strange pushes it out.
  for (let n = 0; n < 3000; n++) baseline.learn(flagged(exec(`odd-${n}`), true));
  expect([baseline.suspected(exec('b')), baseline.seenEarly(exec('b'))]).toEqual([0, QUORUM]);
});

test('what a rule matched for the first time in a mature baseline never enters by itself', () => {
  const baseline = aged(20);
  for (let n = 0; n < 100; n++) baseline.learn(flagged(exec('b'), true));
  expect([baseline.seen(exec('b')), baseline.suspected(exec('b'))]).toEqual([0, 100]);
});

test('what was only rare enters a mature baseline late', () => {
  const baseline = aged(20);
  for (let n = 1; n < LATE_QUORUM; n++) baseline.learn(flagged(exec('b'), false));
  expect(baseline.seen(exec('b'))).toBe(0);
  baseline.learn(flagged(exec('b'), false));
  expect(baseline.seen(exec('b'))).toBe(1);
});

test('a start is judged against other starts, of which it wants three', () => {
  const baseline = aged(20);
  const start = (facts: readonly Fact[]): void => baseline.learn(period(facts, { phase: 'start' }));
  start([exec('entry')]);
  start([exec('entry')]);
  expect(baseline.score(exec('x'), 'start')).toEqual({ state: 'unknown', reason: '2 of 3 periods learnt' });
  start([exec('entry')]);
  expect(baseline.score(exec('entry'), 'start')).toMatchObject({ score: 0, seen: 3 });
  expect(baseline.score(exec('a'), 'start')).toMatchObject({ score: 0, seen: 20 });
  expect(baseline.score(exec('entry'), 'steady')).toMatchObject({ seen: 0 });
});

test('a registry gives back what it saved, and only what changed', () => {
  const registry = new Registry(options);
  for (const workload of ['w1', 'w2']) {
    const baseline = registry.baseline(workload);
    for (let n = 0; n < 8; n++) baseline.learn(period([exec(workload)]));
    baseline.learn(flagged(exec('s'), true));
  }
  registry.touch('w1');
  const saved = registry.save();
  expect(saved.map(({ workload }) => workload)).toEqual(['w1']);
  expect(registry.save()).toEqual([]);
  const other = new Registry(options);
  for (const { text } of saved) other.load(text);
  expect(other.baseline('w1').save()).toEqual(registry.baseline('w1').save());
  other.touch('w1');
  const again = other.save().map(({ text }) => JSON.parse(text).metadata);
  expect(again).toEqual([{ name: 'w1', generation: 2, previous: hashOf(saved[0]?.text ?? '') }]);
});

test('a registry refuses other versions and broken texts and stays as it was', () => {
  const registry = new Registry(options);
  const document = {
    apiVersion: PROFILE_VERSION,
    kind: PROFILE_KIND,
    metadata: { name: 'w', generation: 1 },
  };
  const load = (changed: object): string => registry.load(JSON.stringify({ ...document, ...changed }));
  expect(() => load({ apiVersion: 'picket.dev/v9' })).toThrow('a picket.dev/v9 PicketProfile, not a');
  expect(() => load({ kind: 'PicketPolicy' })).toThrow('a picket.dev/v1alpha1 PicketPolicy, not a');
  expect(() => load({ metadata: { generation: 1 } })).toThrow('a profile without a name');
  expect(() => load({ metadata: { name: 'w' } })).toThrow('a profile of generation undefined');
  expect(() => load({})).toThrow('not a saved rarity model');
  expect(() => registry.load('{')).toThrow(SyntaxError);
  expect(registry.size).toBe(0);
});

test('keeps a bounded number of baselines, the latest used', () => {
  const registry = new Registry(options);
  for (let n = 0; n < 3000; n++) registry.baseline(`w${n}`);
  expect([registry.size, registry.evicted]).toEqual([2048, 952]);
});

test('of containers without another name the baselines of the last that went stay, and of all others every one', () => {
  const registry = new Registry(options);
  const names = Array.from({ length: 300 }, (_, n) => `c/-/Container/runc/${n}`);
  for (const name of [...names, 'c/ns/Deployment/api/api']) registry.baseline(name);
  for (const name of [...names, 'c/ns/Deployment/api/api']) registry.retire(name);
  expect([registry.size, registry.evicted]).toEqual([65, 236]);
  expect(registry.takeDropped()).toEqual(names.slice(0, 236));
  // Started again before it would have left.
  registry.baseline(names[236] ?? '').learn(period([exec('a')]));
  for (const name of ['x', 'y']) registry.baseline(`c/-/Container/runc/${name}`);
  for (const name of ['x', 'y']) registry.retire(`c/-/Container/runc/${name}`);
  expect(registry.takeDropped()).toEqual([names[237]]);
  expect(registry.baseline(names[236] ?? '').periods).toBe(1);
});

test('the file of a baseline that left goes with the next checkpoint', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'baselines-'));
  const registry = new Registry(options);
  const checkpoint = new Checkpoint(folder);
  const names = Array.from({ length: 260 }, (_, n) => `c/-/Container/runc/${n}`);
  for (const name of names) registry.baseline(name).learn(period([exec('a')]));
  for (const name of names.slice(192, 202)) registry.touch(name);
  await checkpoint.write(registry);
  for (const name of names) registry.retire(name);
  await checkpoint.write(registry);
  const restored = new Registry(options);
  expect(new Checkpoint(folder).restore(restored).loaded).toBe(6);
  expect(
    restored
      .all()
      .map(({ workload }) => workload)
      .toSorted(),
  ).toEqual(names.slice(196, 202));
  rmSync(folder, { recursive: true });
});

test('checkpoints survive a restart; a broken file is moved aside and told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'baselines-'));
  const registry = new Registry(options);
  registry.baseline('c/ns/Deployment/api/api').learn(period([exec('a')]));
  registry.touch('c/ns/Deployment/api/api');
  expect(await new Checkpoint(folder).write(registry)).toBe(1);
  writeFileSync(join(folder, 'zz.json'), 'not json');
  const restored = new Registry(options);
  const result = new Checkpoint(folder).restore(restored);
  expect([result.loaded, result.broken.map(({ file }) => file)]).toEqual([1, [join(folder, 'zz.json')]]);
  expect(restored.baseline('c/ns/Deployment/api/api').periods).toBe(1);
  expect(readdirSync(folder).filter((name) => name.endsWith('.broken'))).toEqual(['zz.json.broken']);
  rmSync(folder, { recursive: true });
});

test('a checkpoint that cannot be written is tried again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'baselines-'));
  const checkpoint = new Checkpoint(folder);
  const registry = new Registry(options);
  registry.baseline('w').learn(period([exec('a')]));
  registry.touch('w');
  rmSync(folder, { recursive: true });
  await expect(checkpoint.write(registry)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(registry.save().map(({ workload }) => workload)).toEqual(['w']);
});

test('a baseline that saw only what it knew is written in every so many checkpoints, others in the next', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'baselines-'));
  const checkpoint = new Checkpoint(folder);
  const registry = new Registry(options);
  for (const name of ['calm', 'other']) registry.baseline(name).learn(period([exec('a')]));
  const written: number[] = [];
  for (let n = 0; n < 7; n++) {
    registry.touch('calm', false);
    if (n === 4) registry.touch('other');
    if (n === 4) registry.touch('other', false);
    written.push(await checkpoint.write(registry, 3));
  }
  expect(written).toEqual([0, 0, 1, 0, 1, 1, 0]);
  registry.touch('calm', false);
  expect(await checkpoint.write(registry)).toBe(1);
  rmSync(folder, { recursive: true });
});

test('a baseline saved before there were actions and pairs is taken over, and learns them anew', () => {
  const old = new Baseline('w', { learnWindows: 3, matureWindows: 5 });
  for (let n = 0; n < 8; n++) old.learn(period([exec('a')]));
  const { steady, start, ...rest } = old.save();
  const { action: _, pair: _pair, ...oldSteady } = steady;
  const { action: __, pair: __pair, ...oldStart } = start;
  const taken = new Baseline('w', { learnWindows: 3, matureWindows: 5 });
  taken.load(JSON.parse(JSON.stringify({ ...rest, steady: oldSteady, start: oldStart })));
  const action = { kind: 'action', value: 'sh mount' } as const;
  expect([taken.state, taken.facts('exec'), taken.facts('action')]).toEqual(['mature', old.facts('exec'), 0]);
  expect(taken.score(action, 'steady').state).toBe('unknown');
  for (let n = 0; n < 3; n++) taken.learn(period([exec('a')]));
  expect(taken.score(action, 'steady').state).toBe('scored');
});

const pair = (n: number): Fact => ({ kind: 'pair', value: `read>${n}` });

test('accepts what two periods brought; a start knows the steady life too', () => {
  const baseline = aged(6);
  baseline.learn(period([pair(1), pair(2)]));
  baseline.learn(period([pair(1)]));
  for (let n = 0; n < 2; n++) baseline.learn(period([pair(3)], { phase: 'start' }));
  expect([...baseline.accepted('pair', 'steady')]).toEqual(['read>1']);
  expect([...baseline.accepted('pair', 'start')].toSorted()).toEqual(['read>1', 'read>3']);
  expect([baseline.judges('pair', 'steady'), baseline.judges('pair', 'start')]).toEqual([true, false]);
});

test('strange pairs by the thousand push no other suspect out, and survive a restart', () => {
  const baseline = aged(20);
  baseline.learn(flagged(exec('b'), true));
  const strange = Array.from({ length: 3000 }, (_, n) => ({ fact: pair(n), byRule: false }));
  baseline.learn(period([], { flagged: strange }));
  expect(baseline.suspected(exec('b'))).toBe(1);
  const kept = baseline.suspects;
  expect(kept > 400 && kept <= 1025).toBe(true); // by bytes, or by number where they are short
  const again = new Baseline('w', options);
  again.load(JSON.parse(JSON.stringify(baseline.save())));
  expect([again.suspects, again.suspected(pair(2999)), again.suspected(pair(0))]).toEqual([kept, 1, 0]);
});

test('the largest profile of pairs stays far below what is taken as a saved baseline', () => {
  const registry = new Registry(options);
  const baseline = registry.baseline('w');
  const long = (n: number): Fact => ({ kind: 'pair', value: `inotify_rm_watch${n}>sched_get_priority_max` });
  for (const phase of ['start', 'steady'] as const)
    for (let n = 0; n < 8; n++)
      baseline.learn(
        period(
          Array.from({ length: 1500 }, (_, i) => long(n * 1500 + i)),
          { phase },
        ),
      );
  registry.touch('w');
  const [saved] = registry.save();
  expect(baseline.facts('pair')).toBeLessThanOrEqual(4096);
  expect(saved?.text.length).toBeLessThan(600_000);
});

test('stays within its bytes whatever it is taught, and says what it forgot', () => {
  const registry = new Registry(options);
  const baseline = registry.baseline('w');
  for (let n = 0; n < 400; n++) {
    const facts = ['exec', 'connect', 'folder', 'pair'].flatMap((kind) =>
      Array.from({ length: 20 }, (_, i) => ({ kind, value: `${'é"x'.repeat(n % 60)} ${n} ${i}` }) as Fact),
    );
    const strange = facts.slice(0, 10);
    baseline.learn(period(facts, { flagged: strange.map((fact) => ({ fact, byRule: n % 2 === 0 })) }));
    baseline.learn(period([exec('always')]));
  }
  expect(Buffer.byteLength(registry.document('w') ?? '')).toBeLessThanOrEqual(MAX_BASELINE_BYTES);
  expect(baseline.evicted).toBeGreaterThan(1000);
  expect(baseline.seen(exec('always'))).toBe(400);
});

test('a novelty that is kept away counts as one in what it thinks of new things', () => {
  const [calm, lively] = [aged(40), aged(40)];
  for (let n = 0; n < 5; n++) {
    calm.learn(period([exec('a')]));
    lively.learn(flagged(exec(`new-${n}`), false));
  }
  expect([calm.recent('exec', 'steady'), lively.recent('exec', 'steady')]).toEqual([0, 5]);
  expect(lively.newness('exec')).toBeGreaterThan(calm.newness('exec'));
  const copy = new Baseline('w', options);
  copy.load(JSON.parse(JSON.stringify(lively.save())));
  expect(copy.recent('exec', 'steady')).toBe(5);
});

test('lists what entered though it was called strange', () => {
  const baseline = aged(10);
  for (let n = 0; n < QUORUM; n++) baseline.learn(flagged(exec('odd'), true));
  expect(baseline.admitted).toEqual({ count: 1, latest: [['exec', 'odd', QUORUM]] });
});

test('a pinned baseline learns nothing more', () => {
  const registry = new Registry(options);
  registry.baseline('w').learn(period([exec('a')]));
  registry.load(registry.changed('w', 'pin') ?? '');
  registry.baseline('w').learn(period([exec('b')]));
  expect([registry.baseline('w').seen(exec('a')), registry.baseline('w').seen(exec('b'))]).toEqual([1, 0]);
  registry.load(registry.changed('w', 'unpin') ?? '');
  registry.baseline('w').learn(period([exec('b')]));
  expect(registry.baseline('w').seen(exec('b'))).toBe(1);
  registry.load(registry.changed('w', 'reset') ?? '');
  expect([registry.baseline('w').periods, registry.changed('other', 'reset')]).toEqual([0, null]);
});

test('each version names the one before, and a file that somebody changed is told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'picket-chain-'));
  const registry = new Registry(options);
  const checkpoint = new Checkpoint(folder);
  for (let n = 0; n < 3; n++) {
    registry.baseline('w').learn(period([exec(`a${n}`)]));
    registry.touch('w');
    await checkpoint.write(registry);
  }
  const chain = readFileSync(join(folder, 'chain.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  expect(chain.map(([, generation]) => generation)).toEqual(['1', '2', '3']);
  expect([chain[0]?.[3], chain[1]?.[3], chain[2]?.[3]]).toEqual(['', chain[0]?.[2], chain[1]?.[2]]);
  expect(new Checkpoint(folder).restore(new Registry(options))).toMatchObject({ loaded: 1, edited: [] });
  const [name = ''] = readdirSync(folder).filter((each) => each.endsWith('.json'));
  const file = join(folder, name);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"a0"', '"ax"'));
  expect(new Checkpoint(folder).restore(new Registry(options))).toMatchObject({ loaded: 1, edited: [file] });
  rmSync(folder, { recursive: true });
});

test('surges that a version before it saved are begun anew, and told; the rest is taken over', () => {
  const old = new Baseline('c1/n/Deployment/shop', { learnWindows: 6, matureWindows: 20 });
  old.learn({ phase: 'steady', facts: [], flagged: [], withheld: false, complete: true });
  const saved = JSON.parse(JSON.stringify(old.save()));
  saved.surge = { windows: 9, records: [0, 0], channels: [[[0, 0, 0], 4, []]] };
  const next = new Baseline('c1/n/Deployment/shop', { learnWindows: 6, matureWindows: 20 });
  next.load(saved);
  expect([next.periods, next.surge.learnt]).toEqual([1, 0]);
  expect(next.history.care.changes.map(([model, change]) => `${model} ${change}`)).toEqual(['surge dropped']);
});
