import { expect, test } from 'vitest';
import { Imbalance } from '../../../../agent/models/volume/imbalance.ts';
import { Refractory } from '../../../../agent/models/volume/refractory.ts';
import { RunningThreshold } from '../../../../agent/models/volume/running-threshold.ts';
import { lots } from './lots.ts';

test('a threshold stays at its floor while little exceeds it', () => {
  const threshold = new RunningThreshold(Array.from({ length: 1000 }, (_, i) => i / 200));
  expect(threshold.value).toBe(8);
  expect([threshold.pass(7.9), threshold.pass(8.1)]).toEqual([false, true]);
});

test('it goes up when what is strange never ends, but slowly', () => {
  const threshold = new RunningThreshold(new Array<number>(2000).fill(1));
  const alarms = Array.from({ length: 4000 }, () => threshold.pass(12));
  expect(alarms.slice(0, 150).every(Boolean)).toBe(true);
  expect(alarms.at(-1)).toBe(false);
});

test('of a run of strange rows the first is told, as the slow way has it', () => {
  const lot = lots(8);
  const scores = Array.from({ length: 3000 }, () => Math.round(lot() * 50));
  const refractory = new Refractory();
  const told = scores.map((score) => refractory.pass(score));
  const slow = scores.map((score, i) =>
    score > Math.max(0, ...scores.slice(Math.max(0, i - 250), i)) ? score : 0,
  );
  expect(told).toEqual(slow);
});

/** Two that ask and answer, once a second each. */
function* talk(seconds: number, from = 0) {
  for (let s = from; s < from + seconds; s++) {
    yield { from: 'a', to: 'b', bytes: 500 + (s % 7) * 100, at: s };
    yield { from: 'b', to: 'a', bytes: 900 + (s % 5) * 100, at: s + 0.1 };
  }
}

test('a flood that is not answered is strange, the answered exchange beside it is not', () => {
  const model = new Imbalance();
  for (const flow of talk(2000)) model.learn(flow);
  const calm = [...talk(50, 2000)].map((flow) => {
    const { bits } = model.score(flow);
    model.follow(flow);
    return bits;
  });
  const flood = Array.from({ length: 200 }, (_, i) => ({
    from: 'x',
    to: 'b',
    bytes: 60,
    at: 2050 + i / 100,
  }));
  const scores = flood.map((flow) => {
    const { bits } = model.score(flow);
    model.follow(flow);
    return bits;
  });
  expect(Math.max(...calm)).toBeLessThan(8);
  expect(Math.min(...scores.slice(20))).toBeGreaterThan(8);
  // The answers to the flood are no flood.
  expect(model.score({ from: 'b', to: 'x', bytes: 900, at: 2053 }).unanswered).toBeLessThan(1);
});

test('many addresses do not make it grow for ever', () => {
  const model = new Imbalance();
  for (let i = 0; i < 70_000; i++) model.follow({ from: `s${i}`, to: `d${i}`, bytes: 1, at: i / 1000 });
  expect(model.evicted).toBeGreaterThan(50_000);
});

test('scoring a flow changes nothing', () => {
  const model = new Imbalance();
  for (const flow of talk(500)) model.learn(flow);
  const flow = { from: 'q', to: 'b', bytes: 9, at: 501 };
  expect(model.score(flow)).toEqual(model.score(flow));
});
