/** The views of a trace against slow, obvious ones. */
import { describe, expect, test } from 'vitest';
import { Alphabet } from '../../../../agent/models/traces/alphabet.ts';
import { Arguments } from '../../../../agent/models/traces/arguments.ts';
import { Bags, bagOf } from '../../../../agent/models/traces/bags.ts';
import { Suffixes } from '../../../../agent/models/traces/suffixes.ts';
import { Trigrams } from '../../../../agent/models/traces/trigrams.ts';
import { peaksOf, traitsOf, VIEWS, Views, worstStretch } from '../../../../agent/models/traces/views.ts';

/** Calls of a fixed congruential generator with runs that come again. */
function trace(seed: number, length: number, alphabet = 12): Uint16Array {
  let state = seed;
  return Uint16Array.from({ length }, (_, at) => {
    if (at % 7 !== 0) state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return 1 + ((state >>> 16) % alphabet);
  });
}

const LEARNT = Array.from({ length: 30 }, (_, at) => trace(at + 1, 20 + at));
const ASKED = [trace(3, 22), trace(99, 60), trace(7, 40, 20), Uint16Array.of(40, 41), Uint16Array.of(1)];

describe('suffixes', () => {
  /** Looks every run up in the text of all traces. */
  function slow(calls: Uint16Array): number {
    const texts = LEARNT.map((learnt) => ` ${learnt.join(' ')} `);
    const known = (run: Uint16Array): boolean => texts.some((text) => text.includes(` ${run.join(' ')} `));
    let sum = 0;
    for (let end = 1; end <= calls.length; end++) {
      let length = 0;
      while (length < 8 && length < end && known(calls.subarray(end - length - 1, end))) length += 1;
      sum += 1 / (1 + length);
    }
    return sum / calls.length;
  }

  test.each(ASKED.map((calls) => [calls]))('are those of a search in the text: %j', (calls) => {
    expect(new Suffixes(LEARNT).uncovered(calls)).toBeCloseTo(slow(calls), 12);
  });
});

describe('bags', () => {
  function slow(calls: Uint16Array): { set: number; bag: number } {
    const having = (call: number): number => LEARNT.filter((learnt) => learnt.includes(call)).length;
    const weights = (of: Uint16Array): number[] => {
      const raw = Array.from({ length: 50 }, (_, call) => {
        const count = of.filter((one) => one === call).length;
        return count === 0
          ? 0
          : (1 + Math.log(count)) * Math.log((1 + LEARNT.length) / (1 + having(call)) + 1);
      });
      const norm = Math.hypot(...raw);
      return raw.map((value) => value / norm);
    };
    const mine = weights(calls);
    const distances = LEARNT.map((learnt) => {
      const theirs = weights(learnt);
      const [a, b] = [new Set(calls), new Set(learnt)];
      const both = [...a].filter((call) => b.has(call)).length;
      const cosine = mine.reduce((sum, value, at) => sum + value * (theirs[at] ?? 0), 0);
      return { set: 1 - both / new Set([...a, ...b]).size, bag: 1 - cosine };
    });
    return {
      set: Math.min(...distances.map(({ set }) => set)),
      bag: Math.max(0, Math.min(...distances.map(({ bag }) => bag))),
    };
  }

  test.each(ASKED.map((calls) => [calls]))('are as near as every comparison says: %j', (calls) => {
    const found = new Bags(LEARNT.map(bagOf)).nearest(bagOf(calls));
    const expected = slow(calls);
    expect(found.set).toBeCloseTo(expected.set, 12);
    expect(found.bag).toBeCloseTo(expected.bag, 12);
  });

  test.each(ASKED.map((calls) => [calls]))('make calls as scarce as counting traces says: %j', (calls) => {
    const surprises = [...new Set(calls)].map((call) => {
      const having = LEARNT.filter((learnt) => learnt.includes(call)).length;
      return -Math.log((having + 0.5) / (LEARNT.length + 1));
    });
    const mean = surprises.reduce((sum, each) => sum + each, 0) / Math.max(1, surprises.length);
    expect(new Bags(LEARNT.map(bagOf)).scarce(bagOf(calls))).toBeCloseTo(mean, 12);
  });

  test('without any learnt, everything is as far as can be', () => {
    expect(new Bags([]).nearest(bagOf(Uint16Array.of(1, 2)))).toEqual({ set: 1, bag: 1 });
  });
});

describe('trigrams', () => {
  const runsOf = (calls: Uint16Array): string[] =>
    Array.from({ length: Math.max(0, calls.length - 2) }, (_, at) => calls.subarray(at, at + 3).join(' '));

  test.each(ASKED.map((calls) => [calls]))('are counted by traces: %j', (calls) => {
    const learnt = LEARNT.map((one) => new Set(runsOf(one)));
    const having = (run: string): number => learnt.filter((set) => set.has(run)).length;
    const runs = runsOf(calls);
    const different = [...new Set(runs)];
    const sum = runs.reduce((total, run) => total - Math.log((having(run) + 0.5) / (LEARNT.length + 1)), 0);
    const { rare, fresh } = new Trigrams(LEARNT).look(calls);
    expect(rare).toBeCloseTo(sum / Math.max(1, runs.length), 12);
    expect(fresh).toBeCloseTo(
      different.filter((run) => having(run) === 0).length / Math.max(1, different.length),
      12,
    );
  });
});

describe('arguments', () => {
  const unit = (...facts: string[]): string[][] => facts.map((fact) => [fact]);
  const known = new Arguments([
    unit('open in /a', 'open in /a'),
    unit('open in /a', 'open in /b'),
    unit('read x'),
  ]);

  test('count what is new once, and rarity by units', () => {
    const { fresh, rare } = known.look(unit('open in /c', 'open in /c', 'open in /a'));
    expect(fresh).toBe(1);
    expect(rare).toBeCloseTo(-(Math.log(0.5 / 4) + Math.log(2.5 / 4)) / 2, 12);
  });

  test('have their worst stretch within twenty calls, against facts of the same call', () => {
    const once = -Math.log(0.5 / 5);
    const usual = -Math.log(3.5 / 5);
    const calm = Array.from({ length: 40 }, () => ['open in /a']);
    expect(known.look([...calm, ['open in /new']]).worst).toBeCloseTo(19 * usual + once, 12);
    expect(known.look([['open in /new'], ...calm, ['open in /new']]).worst).toBeCloseTo(
      19 * usual + once,
      12,
    );
  });

  test('of a unit without any are no surprise', () => {
    expect(known.look([])).toEqual({ fresh: 0, rare: 0, worst: 0 });
  });
});

test('an unknown call keeps apart from other unknown ones, and a full alphabet takes no more', () => {
  const alphabet = new Alphabet();
  alphabet.learn(['read', 3]);
  expect([...alphabet.read(['3', 'write', 'read', 'mmap', 'write'])]).toEqual([2, 3, 1, 4, 3]);
  expect(alphabet.size).toBe(2);
  alphabet.learn(Array.from({ length: 2000 }, (_, n) => `call${n}`));
  expect([alphabet.size, alphabet.refused]).toEqual([1023, 979]);
  expect([...alphabet.read(['never'])]).toEqual([0]);
});

test('the worst stretch and the peaks are means of the right values', () => {
  const values = Float64Array.of(1, 5, 5, 1, 1, 9, 1, 1, 1, 1);
  expect(worstStretch(values, 2)).toBe(5);
  expect(worstStretch(values, 100)).toBeCloseTo(2.6, 12);
  expect(peaksOf(values)).toBe(9);
  expect([worstStretch(new Float64Array(0), 5), peaksOf(new Float64Array(0))]).toEqual([0, 0]);
});

test('traits are length, number of different calls and entropy', () => {
  const traits = traitsOf({ calls: Uint16Array.of(1, 1, 2, 2), facts: null });
  expect([...traits]).toEqual([Math.log(4), Math.log(2), Math.log(2)]);
});

test('each view gives a number, also of a trace that is empty or has nothing known', () => {
  const views = new Views(
    LEARNT.map((calls) => ({ calls, facts: null })),
    12,
  );
  for (const calls of [...ASKED, new Uint16Array(0)]) {
    const looked = views.look({ calls, facts: [['x y']] });
    expect(looked).toHaveLength(VIEWS.length);
    expect(looked.every(Number.isFinite)).toBe(true);
  }
});
