import { expect, test } from 'vitest';
import { ENOUGH_RUNS, Runs } from '../../../agent/models/runs.ts';

const BEGIN = 1_700_000_000_000;
const MINUTE = 60_000;

/** Runs of 8 to 9 s, one a minute, each of which finishes. */
function learnt(runs = 10): Runs {
  const model = new Runs();
  for (let n = 0; n < runs; n++)
    model.learn({ startMs: BEGIN + n * MINUTE, lifetimeMs: 8000 + (n % 3) * 500, finished: true });
  return model;
}
const reasons = (model: Runs, startMs: number, lifetimeMs: number, finished: boolean | null): string[] => {
  const score = model.score({ startMs, lifetimeMs, finished });
  return score.state === 'unknown' ? [score.reason] : score.parts.map(({ what }) => what);
};
const NEXT = BEGIN + 10 * MINUTE;

test('says nothing before it has seen enough runs', () => {
  expect(reasons(learnt(ENOUGH_RUNS - 1), NEXT, 1e6, false)).toEqual(['4 of 5 runs learnt']);
});

test('a run like the others is nothing, at any of its times, and one that was missed either', () => {
  const model = learnt();
  for (const lifetime of [0, 5000, 9000, 18_000]) expect(reasons(model, NEXT, lifetime, true)).toEqual([]);
  expect(reasons(model, NEXT + 3 * MINUTE, 8000, true)).toEqual([]);
  expect(reasons(model, NEXT, 8000, null)).toEqual([]);
});

test('one that takes too long, begins off its schedule or does not finish is told with numbers', () => {
  const model = learnt();
  expect(reasons(model, NEXT, 20_000, null)).toEqual(['it takes 20 s, and none took longer than 9.0 s']);
  expect(reasons(model, NEXT + 25_000, 8000, null)).toEqual([
    'it began 85 s after the one before, which is off its schedule',
  ]);
  expect(reasons(model, NEXT, 8000, false)).toEqual(['it did not finish, which 10 of 10 did']);
  const score = model.score({ startMs: NEXT, lifetimeMs: 20_000, finished: null });
  expect(score.state === 'scored' && score.score).toBe(1 - 1 / 11);
});

test('a job that comes at any time is never off its schedule', () => {
  const model = new Runs();
  let startMs = BEGIN;
  for (let n = 0; n < 20; n++) {
    startMs += 20_000 + ((n * 7919) % 13) * 17_000;
    model.learn({ startMs, lifetimeMs: 8000, finished: true });
  }
  for (let n = 1; n < 30; n++) expect(reasons(model, startMs + n * 7000, 8000, true)).toEqual([]);
});

test('one long run is not learnt; five in a row are the new habit', () => {
  const model = learnt();
  const long = (n: number): void =>
    model.learn({ startMs: NEXT + n * MINUTE, lifetimeMs: 40_000, finished: true });
  for (let n = 0; n < 4; n++) long(n);
  expect(reasons(model, NEXT + 4 * MINUTE, 40_000, null)).toHaveLength(1);
  long(4);
  expect(reasons(model, NEXT + 5 * MINUTE, 40_000, null)).toEqual([]);
});

test('a job that often fails says nothing by failing', () => {
  const model = new Runs();
  for (let n = 0; n < 12; n++)
    model.learn({ startMs: BEGIN + n * MINUTE, lifetimeMs: 8000, finished: n % 2 === 0 });
  expect(reasons(model, NEXT + 2 * MINUTE, 8000, false)).toEqual([]);
});
