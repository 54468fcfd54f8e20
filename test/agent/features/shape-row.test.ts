import { expect, test } from 'vitest';
import { resourcesOf } from '../../../agent/events/resources.ts';
import { CALL_CLASSES } from '../../../agent/features/call-classes.ts';
import { classCounts } from '../../../agent/features/calls.ts';
import { ROW_FEATURES, rowOf, showFeature } from '../../../agent/features/shape-row.ts';
import { type Window, WindowBuilder } from '../../../agent/features/window.ts';

const tick = {
  slot: 1,
  cgroup: 1,
  numbers: [0, 1, 2, 3, 257, 101, 600],
  counts: [10, 20, 1, 2, 5, 7, 9],
  compatNumbers: [],
  compatCounts: [],
  forks: 0,
  execs: 0,
  exits: 0,
  lost: 0,
  losses: {},
  pairs: [],
};
const valueIn = (window: Window, name: string): number => rowOf(window)[ROW_FEATURES.indexOf(name)] ?? 0;

test('counts calls by class, whatever their numbers are', () => {
  const counts = Object.fromEntries(CALL_CLASSES.map((name, i) => [name, classCounts(tick, 'x64')[i]]));
  expect(counts).toMatchObject({ read: 10, write: 20, open: 8, machine: 7, other: 9, connect: 0 });
});

test('a row is of rates and levels, and has a hole where nothing was read', () => {
  const builder = new WindowBuilder(0n);
  builder.slot(tick);
  builder.calls(classCounts(tick, 'x64'));
  builder.resources(resourcesOf((name) => ({ memoryBytes: 1000, cpuUs: 500 })[name as 'cpuUs'] ?? null));
  const window = builder.close(2_000_000_000n);
  expect(ROW_FEATURES).toHaveLength(rowOf(window).length);
  expect(Math.expm1(valueIn(window, 'syscalls'))).toBeCloseTo(27);
  expect(Math.expm1(valueIn(window, 'calls/write'))).toBeCloseTo(10);
  expect(Math.expm1(valueIn(window, 'cpuUs'))).toBeCloseTo(250);
  expect(Math.expm1(valueIn(window, 'memoryBytes'))).toBeCloseTo(1000);
  expect(valueIn(window, 'pids')).toBeNaN();
});

test('windows of other length have the same row for the same pace', () => {
  const of = (seconds: bigint, count: number): Window => {
    const builder = new WindowBuilder(0n);
    builder.calls([count]);
    return builder.close(seconds * 1_000_000_000n);
  };
  expect(rowOf(of(5n, 50))).toEqual(rowOf(of(10n, 100)));
});

test.each([
  ['bytesOut', 4_100_000, '4.1 MB/s'],
  ['memoryBytes', 2_000_000_000, '2 GB'],
  ['pids', 12, '12'],
  ['execs', 0, '0/s'],
  ['syscalls', 123_456, '120 k/s'],
])('shows %s of %d as %s', (name, count, text) => {
  expect(showFeature(name, Math.log1p(count))).toBe(text);
});
