import { expect, test } from 'vitest';
import type { Fact } from '../../../agent/features/fact.ts';
import { Baseline, MAX_BASELINE_BYTES } from '../../../agent/models/baseline.ts';
import type { Period } from '../../../agent/models/periods.ts';
import { MAX_VERSIONS, Versions } from '../../../agent/models/versions.ts';
import { lots } from '../../../cli/evaluate/lots.ts';

const OPTIONS = { learnWindows: 6, matureWindows: 20 };
const OLD = 'sha256:old';
const NEW = 'sha256:new';

const exec = (value: string): Fact => ({ kind: 'exec', value });
const period = (values: readonly string[], version: string, more: Partial<Period> = {}): Period => ({
  phase: 'steady',
  facts: values.map(exec),
  flagged: [],
  withheld: false,
  complete: true,
  version,
  source: 'a',
  ...more,
});

function live(baseline: Baseline, version: string, periods: number, values: readonly string[]): void {
  for (let n = 0; n < periods; n++) baseline.learn(period(values, version));
}

/** The old version ran for 40 periods; a always, rare once. */
function before(): Baseline {
  const baseline = new Baseline('w', OPTIONS);
  live(baseline, OLD, 20, ['a']);
  baseline.learn(period(['a', 'rare'], OLD));
  live(baseline, OLD, 19, ['a']);
  return baseline;
}

const reload = (baseline: Baseline): Baseline => {
  const loaded = new Baseline(baseline.workload, OPTIONS);
  loaded.load(JSON.parse(JSON.stringify(baseline.save())));
  return loaded;
};

test('a workload of one version is judged by the baseline itself, and saved as before there were versions', () => {
  const baseline = before();
  expect(baseline.as(OLD)).toBe(baseline);
  expect(baseline.as('')).toBe(baseline);
  expect(baseline.rollout(OLD)).toBeNull();
  expect(baseline.save().steady.exec.facts).toEqual([
    ['a', 40, 0, 39],
    ['rare', 1, 20, 20],
  ]);
});

test('a version that was never seen knows what the one before it did, and what is new in it is what a release brings', () => {
  const baseline = before();
  const fresh = baseline.as(NEW);
  expect([fresh.seen(exec('a')), fresh.seen(exec('rare')), fresh.seen(exec('b'))]).toEqual([40, 1, 0]);
  const rollout = baseline.rollout(NEW);
  expect([rollout?.from, rollout?.to, rollout?.lived, rollout?.chance('exec', 'steady')]).toEqual([
    OLD,
    NEW,
    0,
    1 / 2,
  ]);
  expect(baseline.versions.size).toBe(1); // asking changes nothing
});

test('trust in what is inherited falls with each period that does not show it, faster for what was always there', () => {
  const baseline = before();
  const trustOf = (name: string): number => {
    const version = baseline.versions.of(NEW);
    return version === null ? Number.NaN : baseline.trust(version, exec(name));
  };
  live(baseline, NEW, 19, ['b']);
  expect([trustOf('a'), trustOf('rare'), trustOf('b')]).toEqual([0.9, 0.9, 1]);
  let last = [0.9, 0.9];
  for (let n = 0; n < 200; n++) {
    live(baseline, NEW, 1, ['b']);
    const now = [trustOf('a'), trustOf('rare')];
    expect(now[0]).toBeLessThanOrEqual(last[0] ?? 0);
    expect(now[1]).toBeLessThanOrEqual(last[1] ?? 0);
    last = now;
    // The formula, written out: "a" came in each of 40 periods, "rare" in one after 20 without it.
    const own = 20 + n;
    const [always, seldom] = [9 * 0.5 ** own, 9 * (1 - 1 / 22) ** own];
    expect(now[0]).toBeCloseTo(always / (1 + always), 12);
    expect(now[1]).toBeCloseTo(seldom / (1 + seldom), 12);
  }
  expect(baseline.as(NEW).seen(exec('a'))).toBe(0);
  const scored = baseline.as(NEW).score(exec('a'), 'steady');
  expect(scored.state === 'scored' && scored.seen === 0 && scored.score > 0.5).toBe(true);
});

test('what the new version does too stays known, and is the same for the old one after a rollback', () => {
  const baseline = before();
  live(baseline, NEW, 60, ['a', 'b']);
  expect(baseline.as(NEW).seen(exec('a'))).toBe(100);
  const back = baseline.as(OLD);
  expect([back.seen(exec('a')), back.seen(exec('rare')), back.seen(exec('b'))]).toEqual([100, 1, 0]);
  expect(baseline.rollout(OLD)).toBeNull();
});

test('the report has what is new, what is held back and what stopped', () => {
  const baseline = before();
  live(baseline, NEW, 30, ['b']);
  const strange = { fact: exec('miner'), byRule: true };
  baseline.learn(period([], NEW, { facts: [exec('miner')], flagged: [strange], withheld: true }));
  expect(baseline.changes(NEW)).toEqual({
    from: OLD,
    to: NEW,
    periods: 30,
    starts: 0,
    learnt: [exec('b')],
    held: [exec('miner')],
    more: 0,
    stopped: [exec('a')],
    expected: 1,
  });
});

test('nothing is concluded of a version that was seen in part, but it does not stay young for ever', () => {
  const baseline = before();
  for (let n = 0; n < 39; n++) baseline.learn(period(['b'], NEW, { complete: false }));
  const version = baseline.versions.of(NEW);
  expect(baseline.rollout(NEW)?.lived).toBe(19.5);
  expect(version === null ? 0 : baseline.trust(version, exec('a'))).toBe(0.9);
  baseline.learn(period(['b'], NEW, { withheld: true }));
  expect(baseline.rollout(NEW)).toBeNull();
});

test('in a rollout a strange fact enters when two replicas do it in five periods, one alone in twenty, and never by a rule', () => {
  const flagged = (name: string, byRule: boolean) => ({ fact: exec(name), byRule });
  const learnt = (sources: readonly string[], byRule: boolean, periods: number): boolean => {
    const baseline = before();
    live(baseline, NEW, 1, ['a']);
    for (let n = 0; n < periods; n++) {
      const source = sources[n % sources.length] ?? '';
      baseline.learn(period([], NEW, { facts: [exec('x')], flagged: [flagged('x', byRule)], source }));
    }
    return baseline.seen(exec('x')) > 0;
  };
  expect([learnt(['a', 'b'], false, 4), learnt(['a', 'b'], false, 5)]).toEqual([false, true]);
  expect([learnt(['a'], false, 17), learnt(['a'], false, 20)]).toEqual([false, true]);
  expect(learnt(['a', 'b'], true, 100)).toBe(false);
});

test('a secret that is read for the first time is no part of a release: replicas alone do not let it in', () => {
  const baseline = before();
  live(baseline, NEW, 1, ['a']);
  const fact: Fact = { kind: 'file', value: 'node r /etc/shadow' };
  for (const source of ['a', 'b', 'a', 'b', 'a', 'b'])
    baseline.learn(period([], NEW, { facts: [fact], flagged: [{ fact, byRule: false }], source }));
  expect(baseline.seen(fact)).toBe(0);
});

test('what a rollout brings does not make the workload seem restless afterwards', () => {
  const calm = before();
  const rolled = before();
  live(calm, OLD, 20, ['a']);
  for (let n = 0; n < 20; n++) {
    const fact = exec(`new-${n}`);
    rolled.learn(period(['a'], NEW, { flagged: [{ fact, byRule: false }] }));
  }
  expect(rolled.recent('exec', 'steady')).toBe(calm.recent('exec', 'steady'));
});

test('at most so many versions are kept: the one not seen for longest leaves with what it alone did, counted', () => {
  const baseline = before();
  for (let n = 0; n < MAX_VERSIONS; n++) live(baseline, `sha256:v${n}`, 2, ['a', `only-${n}`]);
  const digests = baseline.versions.all().map(({ digest }) => digest);
  expect([digests.length, digests.includes(OLD), baseline.versions.evicted]).toEqual([
    MAX_VERSIONS,
    false,
    1,
  ]);
  expect([baseline.seen(exec('rare')), baseline.evicted]).toEqual([0, 1]);
  expect(baseline.seen(exec('a')) > 0).toBe(true);
  const again = baseline.as(OLD); // it is a new version now
  expect(again.seen(exec('only-7'))).toBe(2);
});

test('versions come back as they were saved, and what was saved before there were any belongs to the first that comes', () => {
  const baseline = before();
  live(baseline, NEW, 30, ['b']);
  const loaded = reload(baseline);
  expect(loaded.save()).toEqual(baseline.save());
  expect(loaded.changes(NEW)).toEqual(baseline.changes(NEW));

  const { versions: _, ...older } = before().save();
  const migrated = new Baseline('w', OPTIONS);
  migrated.load(JSON.parse(JSON.stringify(older)));
  live(migrated, NEW, 1, ['a']);
  expect([migrated.seen(exec('a')), migrated.as(NEW).seen(exec('rare')), migrated.rollout(NEW)]).toEqual([
    41,
    1,
    null,
  ]);
});

test('what is not as it was saved is refused', () => {
  const saved = JSON.parse(JSON.stringify(before().save().versions)) as { current: string; all: unknown[][] };
  const entry = saved.all[0] ?? [];
  const broken = [
    {},
    { current: 1, all: [] },
    { current: '', all: [['x']] },
    { current: '', all: [entry.with(0, 'a\n')] },
    { current: '', all: [entry.with(1, 3)] },
    { current: '', all: [entry, entry] },
    { current: '', all: [entry.with(5, [1, 2])] },
    { current: '', all: Array.from({ length: 9 }, () => entry) },
  ];
  for (const each of broken) expect(() => new Versions(20).load(each)).toThrow(TypeError);
});

test('eight versions that each do as much as they can stay within what a baseline may take', () => {
  const baseline = new Baseline('w', OPTIONS);
  for (let v = 0; v < MAX_VERSIONS + 2; v++)
    for (let n = 0; n < 25; n++) {
      const values = Array.from({ length: 30 }, (_, i) => `/opt/${'x'.repeat(80)}/${v}/${n}/${i}`);
      const version = `sha256:${String(v).repeat(64).slice(0, 64)}`;
      baseline.learn(
        period(values, version, {
          flagged: values.slice(0, 9).map((value) => ({ fact: exec(value), byRule: false })),
        }),
      );
    }
  expect(JSON.stringify(baseline.save()).length).toBeLessThan(MAX_BASELINE_BYTES);
  expect(baseline.versions.evicted).toBe(2);
  expect(reload(baseline).save()).toEqual(baseline.save());
});

test('a pinned baseline takes no version for a release', () => {
  const baseline = before();
  baseline.pinned = true;
  expect(baseline.rollout(NEW)).toBeNull();
  live(baseline, NEW, 30, ['b']);
  expect([baseline.versions.size, baseline.as(NEW).seen(exec('b'))]).toEqual([1, 0]);
});

/** The obvious way: for each version what it showed and which it came from, in sets. */
class Slow {
  readonly versions = new Map<string, { shown: Set<string>; parents: Set<string> }>();

  learn(version: string, values: readonly string[]): void {
    const known = this.versions.get(version);
    if (known === undefined && this.versions.size >= MAX_VERSIONS) this.#drop();
    const of = known ?? { shown: new Set(), parents: new Set(this.versions.keys()) };
    this.versions.delete(version);
    this.versions.set(version, of); // the latest used is last
    for (const value of values) of.shown.add(value);
  }

  /** own, inherited or unknown. */
  says(version: string, value: string): string {
    const of = this.versions.get(version);
    if (of?.shown.has(value)) return 'own';
    const from = [...(of?.parents ?? [])].some((parent) => this.versions.get(parent)?.shown.has(value));
    return from ? 'inherited' : 'unknown';
  }

  #drop(): void {
    const [oldest = ''] = this.versions.keys();
    this.versions.delete(oldest);
    for (const { parents } of this.versions.values()) parents.delete(oldest);
  }
}

test('who showed what is as an obvious slow version has it, over any order of versions, and over saving', () => {
  for (const seed of [1, 2, 3]) {
    const draw = lots(seed);
    const pick = (most: number): number => Math.floor(draw() * most);
    const slow = new Slow();
    let baseline = new Baseline('w', { learnWindows: 6, matureWindows: 1e6 }); // nothing fades
    for (let n = 0; n < 400; n++) {
      const version = `sha256:v${pick(MAX_VERSIONS + 4)}`;
      const values = Array.from({ length: pick(4) }, () => `f${pick(30)}`);
      baseline.learn(period(values, version));
      slow.learn(version, values);
      if (n % 50 === 49) baseline = reload(baseline);
    }
    for (const version of baseline.versions.all())
      for (let f = 0; f < 30; f++) {
        const trust = baseline.trust(version, exec(`f${f}`));
        const says = trust === 1 ? 'own' : trust > 0 ? 'inherited' : 'unknown';
        expect([seed, version.digest, f, says]).toEqual([
          seed,
          version.digest,
          f,
          slow.says(version.digest, `f${f}`),
        ]);
      }
    expect(baseline.versions.all().map(({ digest }) => digest)).toEqual([...slow.versions.keys()]);
  }
});
