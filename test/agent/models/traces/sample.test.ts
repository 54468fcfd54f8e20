/** What is kept of the traces, and its bounds. */
import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  MOST_BYTES,
  MOST_CALLS,
  MOST_PER_TRACE,
  MOST_TRACES,
  Sample,
} from '../../../../agent/models/traces/sample.ts';

const textOf = (sample: Sample): string => JSON.stringify(sample.save());

test('what was saved and loaded is the same, with facts, groups, names and numbers', () => {
  const sample = new Sample();
  sample.add({ calls: ['read', 'write', 'read'] });
  sample.add({ calls: [3, 4], facts: [['read gave no error'], []], group: 'a' });
  const again = new Sample();
  again.load(JSON.parse(textOf(sample)));

  expect(again.traces).toEqual(sample.traces);
  expect(textOf(again)).toBe(textOf(sample));
});

test('keeps a bounded number of traces and calls, spread over all that came, and counts the others', () => {
  const sample = new Sample();
  for (let n = 0; n < MOST_TRACES + 500; n++) sample.add({ calls: [n] });
  const kept = sample.traces.map(({ calls }) => Number(calls[0]));

  expect([sample.came, sample.left, kept.length]).toEqual([MOST_TRACES + 500, 500, MOST_TRACES]);
  const early = kept.filter((n) => n < (MOST_TRACES + 500) / 2).length;
  expect(Math.abs(early - MOST_TRACES / 2)).toBeLessThan(100);

  const long = new Sample();
  for (let n = 0; n < 30; n++) long.add({ calls: new Array(MOST_PER_TRACE + 5).fill(n) });
  expect(long.traces.length).toBe(MOST_CALLS / MOST_PER_TRACE);
  expect(long.traces[0]?.calls).toHaveLength(MOST_PER_TRACE);
});

test('shrinks until its text is within the bound, whatever came', () => {
  const sample = new Sample();
  let state = 7;
  const noise = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  for (let n = 0; n < 60; n++) sample.add({ calls: Array.from({ length: 5000 }, noise) });
  sample.shrink();

  expect(textOf(sample).length).toBeLessThanOrEqual(MOST_BYTES);
  expect(sample.traces.length).toBeGreaterThan(0);
  expect(sample.left).toBe(60 - sample.traces.length);
});

describe('loading', () => {
  const packed = (value: unknown): string => deflateRawSync(JSON.stringify(value)).toString('base64');
  const row = (traces: unknown): unknown => ({
    came: 1,
    left: 0,
    packed: packed({ names: ['a'], facts: [], traces }),
  });

  test.each<[string, unknown]>([
    ['nothing', null],
    ['text', 'x'],
    ['counts that are none', { came: -1, left: 0, packed: '' }],
    ['what does not unfold', { came: 1, left: 0, packed: 'AAAA' }],
    ['a place without a name', row([[0, null, [1], null]])],
    ['a trace that is none', row([7])],
    ['a fact without a name', row([[0, null, [0], [[0]]]])],
    ['a bomb', { came: 1, left: 0, packed: deflateRawSync(Buffer.alloc(100_000_000)).toString('base64') }],
  ])('%s is refused and changes nothing', (_, saved) => {
    const sample = new Sample();
    sample.add({ calls: ['read'] });
    const before = textOf(sample);

    expect(() => sample.load(saved)).toThrow(TypeError);
    expect(textOf(sample)).toBe(before);
  });
});
