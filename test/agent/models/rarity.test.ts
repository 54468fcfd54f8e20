import { expect, test } from 'vitest';
import { Rarity, wilsonUpper } from '../../../agent/models/rarity.ts';

const make = (limit = 1000): Rarity => new Rarity({ limit, learnPeriods: 6 });
const learnt = (periods: readonly (readonly string[])[], limit?: number): Rarity => {
  const model = make(limit);
  for (const period of periods) model.learn(period);
  return model;
};
const times = (n: number, period: (i: number) => string[]): string[][] =>
  Array.from({ length: n }, (_, i) => period(i));

/** The estimate straight from its definition: periods that hold so many facts that no other period has. */
function slowNewness(periods: readonly (readonly string[])[], atLeast = 1): number {
  const lonely = (i: number): number =>
    [...new Set(periods[i])].filter((fact) => periods.every((other, j) => i === j || !other.includes(fact)))
      .length;
  return wilsonUpper(periods.filter((_, i) => lonely(i) >= atLeast).length, periods.length);
}

function dice(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % n;
  };
}

test('says nothing until it has learnt enough periods', () => {
  const model = learnt(times(5, () => ['a']));
  expect(model.score('b')).toEqual({ state: 'unknown', reason: '5 of 6 periods learnt' });
});

test('an unseen fact is strange where nothing new ever comes, and ordinary where it always does', () => {
  const quiet = learnt(times(100, () => ['a', 'b']));
  expect(quiet.score('c')).toMatchObject({
    state: 'scored',
    score: 1 - wilsonUpper(0, 100),
    seen: 0,
    periods: 100,
    newness: wilsonUpper(0, 100),
  });
  expect(quiet.score('a')).toMatchObject({ score: 0, seen: 100 });
  const restless = learnt(times(100, (i) => [`job-${i}`]));
  expect(restless.score('c')).toMatchObject({ score: 0, newness: 1 });
});

test('what is believed of a fact from before makes it none that came once, and is never taken back', () => {
  const model = learnt([...times(20, () => ['a']), ['a', 'b']]);
  expect([model.lonely(1), model.score('b')]).toMatchObject([1, { seen: 1 }]);
  model.believe('b', 4);
  model.believe('b', 2);
  model.believe('c', 9);
  expect([model.lonely(1), model.score('b'), model.score('c')]).toMatchObject([0, { seen: 4 }, { seen: 0 }]);
  const copy = make();
  copy.load(JSON.parse(JSON.stringify(model.save())));
  expect([copy.lonely(1), copy.save()]).toEqual([0, model.save()]);
});

test('grows surer with time', () => {
  const at = (n: number): number => 1 - learnt(times(n, () => ['a'])).newness();
  expect([at(6), at(60), at(600)].map((score) => Number(score.toFixed(3)))).toEqual([0.689, 0.957, 0.996]);
});

test('agrees with the definition on any history', () => {
  const next = dice(7);
  for (let round = 0; round < 50; round++) {
    const periods = times(1 + next(40), () => Array.from({ length: next(5) }, () => `f${next(30)}`));
    expect(learnt(periods).newness()).toBeCloseTo(slowNewness(periods), 12);
    for (const atLeast of [2, 3, 5])
      expect(learnt(periods).newness(atLeast)).toBeCloseTo(slowNewness(periods, atLeast), 12);
  }
});

test('who is told only what is not accepted yet, once between two armings, never thinks that new things are rarer', () => {
  // Eight workloads of 300 periods: common behaviour, rare branches, and bursts that come together.
  for (let seed = 1; seed <= 8; seed++) {
    const next = dice(seed * 1009);
    const [full, guard] = [make(), make()];
    const told = new Set<string>();
    let known = new Set<string>();
    for (let now = 0; now < 300; now++) {
      if (now % 12 === 0) {
        told.clear(); // armed again
        known = new Set(guard.known(2));
      }
      const period = Array.from({ length: 10 }, () => `common-${next(20)}`);
      if (next(10) === 0) period.push(`rare-${next(40)}`);
      if (next(25) === 0) for (let n = next(9); n >= 0; n--) period.push(`burst-${next(60)}-${n}`);
      // The first periods are learnt with full sight.
      const seen = now < 20 ? period : period.filter((fact) => !known.has(fact) && !told.has(fact));
      for (const fact of seen) told.add(fact);
      const missed = period.filter((fact) => guard.seen(fact) === 0 && !seen.includes(fact));
      expect(missed).toEqual([]); // what was never seen is always told
      full.learn(period);
      guard.learn(seen);
      for (const atLeast of [1, 2, 3, 8])
        expect(guard.newness(atLeast)).toBeGreaterThanOrEqual(full.newness(atLeast));
    }
    expect(guard.newness()).toBeLessThan(1); // and still says something
  }
});

test('holds a bounded number of facts and does not grow calmer by forgetting', () => {
  const model = learnt(
    times(5000, (i) => [`job-${i}`, 'always']),
    100,
  );
  expect(model.size).toBeLessThanOrEqual(100);
  expect(model.evicted + model.size).toBe(5001);
  expect(model.newness()).toBe(1);
  expect(model.score('always')).toMatchObject({ seen: 5000, score: 0 });
});

test('Wilson’s bound is 1 without trials and lies above the share', () => {
  expect([wilsonUpper(0, 0), wilsonUpper(3, 3)]).toEqual([1, 1]);
  expect(wilsonUpper(5, 50)).toBeCloseTo(0.1915, 3);
});

test('refuses what is no saved model', () => {
  for (const saved of [
    null,
    {},
    { periods: -1, sealed: 0, evicted: 0, facts: [] },
    { periods: 1, sealed: 0, evicted: 0, facts: [['a', 0, 0, 0]] },
  ])
    expect(() => make().load(saved)).toThrow(TypeError);
});

test('forgets by bytes too, and what it says of its bytes is no less than they are', () => {
  const model = new Rarity({ limit: 4096, maxBytes: 8192, learnPeriods: 6 });
  for (let i = 0; i < 400; i++) {
    model.learn(['always', `/srv/${'x'.repeat(i % 300)}/${i}`, `\u0001"\\é${i}`]);
    const text = JSON.stringify(model.save());
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(model.bytes);
    expect(model.bytes).toBeLessThanOrEqual(8192);
  }
  expect(model.seen('always')).toBe(400);
  expect(model.evicted).toBeGreaterThan(600);
});

test('what came in a period that is not learnt does not leave for want of having come', () => {
  const left = (touched: boolean): boolean[] => {
    const model = make(8);
    for (const fact of ['old', 'older']) for (let n = 0; n < 2; n++) model.learn([fact]);
    for (let n = 0; n < 12; n++) {
      if (touched) model.touch('old');
      for (let again = 0; again < 2; again++) model.learn([`new ${n}`]);
    }
    model.touch('never seen');
    return ['old', 'older', 'never seen'].map((fact) => model.seen(fact) > 0);
  };
  expect([left(true), left(false)]).toEqual([
    [true, false, false],
    [false, false, false],
  ]);
});
