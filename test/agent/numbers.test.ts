/** A workload's numbers over many windows, then one that is not like them. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Flow } from '../../agent/events/event.ts';
import type { Fact } from '../../agent/features/fact.ts';
import { type Window, WindowBuilder } from '../../agent/features/window.ts';
import type { Container } from '../../agent/identity/container.ts';
import { Baseline } from '../../agent/models/baseline.ts';
import { Numbers } from '../../agent/numbers.ts';
import { lots } from './models/volume/lots.ts';

const CONTAINER = { id: 'c', cgroup: 1 } as Container;
const WINDOW_NS = 5_000_000_000n;
const peer = (value: string): Fact => ({ kind: 'connect', value });

interface Day {
  readonly baseline: Baseline;
  readonly numbers: Numbers;
  /** One more window; what it says, and whether it is learnt. */
  next(load: Load, options?: { learn?: boolean }): ReturnType<Numbers['end']>;
}

interface Load {
  readonly syscalls: number;
  readonly in: number;
  /** Peer → bytes sent. */
  readonly out: Readonly<Record<string, number>>;
}

/** Of a container of the workload. */
function day(baseline = new Baseline('c1/n/Deployment/shop', { learnWindows: 6, matureWindows: 20 })): Day {
  const numbers = new Numbers();
  let startNs = 0n;
  return {
    baseline,
    numbers,
    next(load, { learn = true } = {}) {
      const window = windowOf(load, startNs);
      for (const [name, bytesOut] of Object.entries(load.out))
        numbers.flow(flowOf(bytesOut, startNs), peer(name), baseline);
      startNs += WINDOW_NS;
      const told = numbers.end(window, { baseline, container: CONTAINER, steps: 0, share: 1, host: false });
      if (!learn) {
        numbers.settle(baseline, false);
        return told;
      }
      const facts = Object.keys(load.out).map(peer);
      baseline.learn({ phase: 'steady', facts, flagged: [], withheld: false, complete: true });
      numbers.settle(baseline, true);
      return told;
    },
  };
}

function flowOf(bytesOut: number, startNs: bigint): Flow {
  const last = startNs + 1_000_000_000n;
  const none = { slot: 1, cgroup: 1, opened: 0, failures: 0, bytesIn: 0, segmentsIn: 1, segmentsOut: 1 };
  const ends = { protocol: 'tcp', direction: 'connect', peer: '10.0.0.1', port: 80 } as const;
  return { ...none, ...ends, attempts: 1, first: last, last, bytesOut };
}

function windowOf(load: Load, startNs: bigint): Window {
  const builder = new WindowBuilder(startNs);
  const none = { slot: 1, cgroup: 1, compatNumbers: [], compatCounts: [], forks: 0, execs: 0, exits: 0 };
  builder.slot({ ...none, numbers: [0, 1], counts: [load.syscalls, 7], lost: 0, losses: {}, pairs: [] });
  for (const bytesOut of Object.values(load.out)) builder.flow(flowOf(bytesOut, startNs));
  builder.flow({ ...flowOf(0, startNs), attempts: 0, bytesIn: load.in });
  return builder.close(startNs + WINDOW_NS);
}

const usual = (lot: () => number): Load => ({
  syscalls: 2000 + 1500 * lot(),
  in: 50_000 * (0.3 + lot()),
  out: { 'db:5432': 20_000 * (0.3 + lot()) },
});

let known: Baseline;
let taught: Day;
let lot = lots(1);
beforeAll(() => {
  lot = lots(1);
  const before = day();
  known = before.baseline;
  for (let i = 0; i < 400; i++) before.next(usual(lot));
});
beforeEach(() => {
  taught = day(known);
});

describe('volume', () => {
  test('says nothing before it knows enough, and next to nothing of ordinary windows', () => {
    const fresh = day();
    const own = lots(2);
    const first = Array.from({ length: 60 }, () => fresh.next(usual(own))).flat();
    expect(first).toEqual([]);
    const told = Array.from({ length: 300 }, () => fresh.next(usual(own))).flat();
    expect(told.length).toBeLessThan(6);
  });

  test('much data to a peer that is new here is told, with what it usually is; while it goes on it is not told again', () => {
    const theft = { ...usual(lot), out: { 'db:5432': 12_000, '203.0.113.9:443': 40_000_000 } };
    const [told, ...more] = taught.next(theft, { learn: false });
    expect(more).toEqual([]);
    expect(told?.bits).toBeGreaterThan(8);
    expect(told?.facts['numbers']).toMatch(/rareBytesOut 8 MB\/s, usually 0\/s|peerBytesOut 8 MB\/s/);
    expect(told?.techniques).toEqual(['T1048']);
    expect(taught.next(theft, { learn: false })).toEqual([]);
  });

  test('a long silence of a busy workload is told', () => {
    const quiet = { syscalls: 0, in: 0, out: {} };
    const told = Array.from({ length: 4 }, () => taught.next(quiet, { learn: false })).flat();
    expect(told.length).toBeGreaterThan(0);
    expect(told.at(-1)?.facts['numbers']).toMatch(/quietFor \d+ s, usually 0 s|syscalls/);
  });

  test('what is strange is learnt one time in ten', () => {
    const steady = day();
    const own = lots(5);
    for (let i = 0; i < 200; i++) steady.next(usual(own));
    const before = steady.baseline.volume.learnt;
    const numbers = Array.from({ length: 9 }, () => 0);
    for (const _ of numbers) steady.next({ ...usual(own), in: 5e9, syscalls: 5e7 });
    expect(steady.baseline.volume.learnt - before).toBeLessThanOrEqual(1);
  });

  // Levels are of the workload, whatever the version of its image: what a release changes for good is told, and known soon.
  test.each([
    4, 30,
  ])('a level that changed for good, %i times as much, is told some times and then usual', (times) => {
    const lot = lots(9);
    const one = day();
    for (let n = 0; n < 300; n++) one.next(usual(lot));
    const later = (): number => {
      const { syscalls, in: bytesIn, out } = usual(lot);
      const more = { 'db:5432': times * (out['db:5432'] ?? 0) };
      return one.next({ syscalls: times * syscalls, in: times * bytesIn, out: more }).length;
    };
    const told = Array.from({ length: 720 }, later);
    const sum = (part: readonly number[]): number => part.reduce((total, count) => total + count, 0);
    expect(sum(told)).toBeLessThanOrEqual(4);
    expect(sum(told.slice(360))).toBe(0);
  });

  test('a window of a moment has no rates and is not judged', () => {
    const { baseline } = taught;
    const window = { ...windowOf(usual(lot), 0n), endNs: 1000n };
    const numbers = new Numbers();
    const before = baseline.volume.learnt;
    expect(numbers.end(window, { baseline, container: CONTAINER, steps: 0, share: 1, host: false })).toEqual(
      [],
    );
    numbers.settle(baseline, true);
    expect(baseline.volume.learnt).toBe(before);
  });
});

describe('rhythm', () => {
  test('a peer that is unusual here and called at even times is told once', () => {
    const told = Array.from({ length: 80 }, (_, i) => {
      const beacon = i % 6 === 0 ? { '198.51.100.7:443': 300 } : {};
      return taught.next({ ...usual(lot), out: { 'db:5432': 12_000, ...beacon } }, { learn: false });
    })
      .flat()
      .filter(({ detector }) => detector === 'rhythm');
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(4);
    expect(told[0]?.summary).toBe('198.51.100.7:443 is called every 30 s, which is no usual peer here');
  });

  test('a usual peer may be called as evenly as it likes, an unusual one by chance', () => {
    const own = lots(4);
    const told = Array.from({ length: 120 }, () => {
      const chance = own() < 0.2 ? { '198.51.100.8:443': 300 } : {};
      return taught.next({ ...usual(own), out: { 'db:5432': 12_000, ...chance } }, { learn: false });
    }).flat();
    expect(told.filter(({ detector }) => detector === 'rhythm')).toEqual([]);
  });
});

test('what was sent in a start that nobody looked at is no part of the window after it', () => {
  const [seen, unseen] = [day(), day()];
  const load = { syscalls: 100, in: 100, out: { 'db:5432': 1000 } };
  for (let n = 0; n < 300; n++) for (const each of [seen, unseen]) each.next(load);
  unseen.numbers.flow(flowOf(1e9, 0n), peer('stranger:443'), unseen.baseline);
  unseen.numbers.settle(unseen.baseline, false);
  expect(unseen.next(load)).toEqual(seen.next(load));
});
