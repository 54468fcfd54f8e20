import { expect, test } from 'vitest';
import { DnsLabels, LEAST_BITS, type Loudest } from '../../../agent/models/dns-labels.ts';

function learnt(windows: readonly Loudest[]): DnsLabels {
  const labels = new DnsLabels({ learnWindows: 6 });
  for (const window of windows) labels.learn(window);
  return labels;
}

const quiet = (windows: number): Loudest[] =>
  Array.from({ length: windows }, (_, n) =>
    n % 4 === 0 ? null : { domain: 'cluster.local', bits: 300 + n },
  );

const scoreOf = (labels: DnsLabels, domain: string, bits: number) => {
  const scored = labels.score({ domain, bits });
  return scored.state === 'scored' ? scored.score : null;
};

test('a workload that looks up a few names is sure of what carries much', () => {
  const labels = learnt(quiet(99));
  expect(scoreOf(labels, 't.example', 20_000)).toBeCloseTo(0.99);
  expect(labels.score({ domain: 't.example', bits: 20_000 })).toMatchObject({
    reason:
      'Different names below t.example can have carried 20000 bits in a window; it was never that loud, and at most 1.0 % of 99 windows say as much below any domain.',
    parts: [{ what: 't.example', share: 1 }],
  });
  expect([scoreOf(labels, 't.example', LEAST_BITS - 1), scoreOf(labels, 't.example', LEAST_BITS)]).toEqual([
    0, 0.99,
  ]);
});

test('a domain that is loud all day is ordinary up to twice what it said; another one as loud is not unlikely', () => {
  const loud = Array.from({ length: 100 }, () => ({ domain: 'lists.example', bits: 10_000 }));
  const labels = learnt(loud);
  expect([scoreOf(labels, 'lists.example', 20_000), scoreOf(labels, 't.example', 10_000)]).toEqual([0, 0]);
  expect(scoreOf(labels, 'lists.example', 20_001)).toBeCloseTo(0.99);
  expect(scoreOf(labels, 't.example', 40_000)).toBeCloseTo(0.99);
});

test('the chance is the share of windows of the same octave or above, as counted one by one', () => {
  const windows = Array.from({ length: 500 }, (_, n) => ({
    domain: `d${n % 7}.x`,
    bits: (n * 7919) % 30_000,
  }));
  const labels = learnt(windows);
  const octave = (bits: number): number => Math.floor(Math.log2(1 + bits));
  for (const bits of [2048, 5000, 16_383, 29_999, 1e6]) {
    const asLoud = windows.filter((window) => octave(window.bits) >= octave(bits)).length;
    expect(labels.chance(bits)).toBe((asLoud + 1) / 501);
  }
});

test('forgets the domain that was loudest longest ago', () => {
  const labels = learnt(Array.from({ length: 70 }, (_, n) => ({ domain: `d${n}.x`, bits: 5000 })));
  expect(labels.evicted).toBe(6);
});
