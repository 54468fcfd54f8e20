import { expect, test } from 'vitest';
import { Beside, TRIAL, WATCH } from '../../../../agent/models/care/beside.ts';

/** The old one speaks, the new one is beside it. */
function offered(): Beside<string> {
  const beside = new Beside<string>();
  beside.offer('old');
  beside.offer('new');
  return beside;
}

/** Windows of so many bits each; what came of the last. */
function windows(beside: Beside<string>, count: number, live: number, other: number): (string | null)[] {
  return Array.from({ length: count }, () => beside.note(live, other));
}

test('a newer model is looked at and does not speak', () => {
  const beside = offered();
  windows(beside, 50, 9, 2);
  expect([beside.live, beside.looked, beside.beheld?.place]).toEqual(['old', 'new', 'candidate']);
  expect(beside.beheld?.comparison).toEqual({
    windows: 50,
    live: 50,
    other: 0,
    both: 0,
    liveBits: 9,
    otherBits: 2,
  });
});

test('it is promoted by itself after its trial when it would have told no more', () => {
  const beside = offered();
  expect(windows(beside, TRIAL - 1, 1, 2)).toEqual(Array(TRIAL - 1).fill(null));
  expect([beside.note(1, 2), beside.live, beside.looked]).toEqual(['promoted', 'new', 'old']);
});

test.each([
  ['that would have told more', 9, () => true],
  ['that is not fit', 1, () => false],
])('one %s is dropped', (_, bits, mayTake) => {
  const beside = offered();
  const results = Array.from({ length: TRIAL }, () => beside.note(1, bits, mayTake));
  expect([results.at(-1), beside.live, beside.other]).toEqual(['dropped', 'old', null]);
});

test('after a promotion the one before comes back by itself when the new one tells far more', () => {
  const beside = offered();
  windows(beside, TRIAL, 1, 1);
  expect(windows(beside, 5, 9, 1)).toEqual([null, null, null, null, 'rolled-back']);
  expect([beside.live, beside.other]).toEqual(['old', null]);
});

test('when it does not, it is kept to go back to, and looked at no more', () => {
  const beside = offered();
  windows(beside, TRIAL, 1, 1);
  windows(beside, WATCH, 1, 1);
  expect([beside.looked, beside.other, windows(beside, 9, 9, 1).at(-1)]).toEqual([null, 'old', null]);
  expect([beside.rollBack(), beside.live, beside.rollBack()]).toEqual([true, 'old', false]);
});

test('a person promotes before the trial is over', () => {
  const beside = offered();
  windows(beside, 3, 1, 9);
  expect([beside.promote(), beside.live, beside.promote()]).toEqual([true, 'new', false]);
});

test('all of it is kept over a restart', () => {
  const beside = offered();
  windows(beside, 7, 9, 3.125);
  const saved = JSON.parse(JSON.stringify(beside.save((model) => model)));
  const other = new Beside<string>();
  other.load('old', saved, String);
  expect(other.save((model) => model)).toEqual(saved);
  expect(other.beheld).toEqual(beside.beheld);
  expect(() => new Beside<string>().load('old', ['nowhere', 'new', [0, 0, 0, 0, 0, 0]], String)).toThrow(
    TypeError,
  );
});
