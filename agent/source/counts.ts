/** Counters that only grow in the kernel, as what was added since the last reading. */
import type { ProbeCounters, SlotCounts } from '../../native/index.ts';
import type { SlotTick } from '../events/frame.ts';
import { LAYOUT } from '../events/layout.ts';

/** Names of loss_reason of records.h, in its order. */
export const LOSS_NAMES = [
  'urgent-full',
  'bulk-full',
  'flows-full',
  'no-slot',
  'no-storage',
  'throttled',
  'seen-full',
  'sockets-full',
  'compat-full',
  'folders-later',
  'dns-later',
  'opens-later',
] as const;

/** What was not told but will be, when it is next done: no loss of the window. */
export const TOLD_LATER: ReadonlySet<string> = new Set([
  'seen-full',
  'folders-later',
  'dns-later',
  'opens-later',
]);

/** Buckets of what is told later: folders have RECORD_NOVEL's. */
const BUCKETS_TOLD_LATER: ReadonlySet<number> = new Set([
  LAYOUT.RECORD_NOVEL,
  LAYOUT.RECORD_DNS,
  LAYOUT.BUCKET_DNS_UNASKED,
  LAYOUT.BUCKET_OPEN_FAILED,
]);

/** By number of record_kind of records.h: `exec`, `socket-use`. */
const KIND_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(LAYOUT).flatMap(([name, value]) =>
    name === 'BUCKET_NOVEL_FEW'
      ? [[value, 'novel'] as const]
      : name.startsWith('RECORD_') && name !== 'RECORD_NOVEL'
        ? [[value, name.slice(7).toLowerCase().replaceAll('_', '-')] as const]
        : [],
  ),
);

interface Before {
  readonly cgroup: number;
  /** Low and high halves of each count. */
  readonly calls: Uint32Array;
  readonly compat: Map<number, bigint>;
  forks: bigint;
  execs: bigint;
  exits: bigint;
  lost: BigUint64Array;
  throttled: BigUint64Array;
  /** Throttled less those told by kind: below 0 when a kind was read just before its total. */
  kindless: number;
}

const NO_COUNTS = {
  kindless: 0,
  forks: 0n,
  execs: 0n,
  exits: 0n,
  lost: new BigUint64Array(0),
  throttled: new BigUint64Array(0),
};
const addedTo = (before: BigUint64Array, now: BigUint64Array, index: number): number =>
  Number((now[index] ?? 0n) - (before[index] ?? 0n));

/** What was lost between two readings, by reason, and by kind where it was throttled; reasons without any are left out. */
function lossesBetween(before: Before, now: SlotCounts): Record<string, number> {
  const losses: Record<string, number> = {};
  const note = (name: string, count: number): void => {
    if (count > 0) losses[name] = count;
  };
  for (const [reason] of now.lost.entries()) {
    const added = addedTo(before.lost, now.lost, reason);
    if (reason === LAYOUT.LOSS_THROTTLED) before.kindless += added;
    else if (!TOLD_LATER.has(LOSS_NAMES[reason] ?? '')) note(LOSS_NAMES[reason] ?? `reason-${reason}`, added);
  }
  for (const [kind] of now.throttled.entries()) {
    if (BUCKETS_TOLD_LATER.has(kind)) continue;
    const added = addedTo(before.throttled, now.throttled, kind);
    note(`throttled/${KIND_NAMES.get(kind) ?? kind}`, added);
    before.kindless -= added;
  }
  note('throttled', before.kindless);
  before.kindless = Math.min(0, before.kindless);
  return losses;
}

/** Calls with 32-bit numbering since the last reading; few containers make any. */
function compatBetween(before: Before, now: SlotCounts): [number, number][] {
  const added: [number, number][] = [];
  for (const { number, count } of now.compat) {
    const more = Number(count - (before.compat.get(number) ?? 0n));
    if (more > 0) added.push([number, more]);
    before.compat.set(number, count);
  }
  return added.toSorted(([a], [b]) => a - b);
}

/** Totals by reason since the probe was loaded; `overflow` are records that did not fit our own queue. */
export function lossesOf(counters: ProbeCounters, overflow: number): Record<string, number> {
  const lost: Record<string, number> = {
    'queue-full': Number(counters.queueFull),
    'frame-queue': overflow,
    'missed-runs': Number(counters.missedRuns),
  };
  for (const [index, name] of LOSS_NAMES.entries()) lost[name] = Number(counters.lost[index] ?? 0n);
  return lost;
}

/** Differences between two readings. A slot that went to another cgroup begins at 0. */
export class CountDifferences {
  private readonly slots = new Map<number, Before>();

  /** What each slot did since the last call; slots that did nothing are left out. */
  take(counts: readonly SlotCounts[]): SlotTick[] {
    const ticks: SlotTick[] = [];
    for (const count of counts) {
      const tick = this.one(count);
      if (tick.numbers.length > 0 || tick.forks + tick.execs + tick.exits + tick.lost > 0) ticks.push(tick);
    }
    return ticks;
  }

  forget(slot: number): void {
    this.slots.delete(slot);
  }

  private one(now: SlotCounts): SlotTick {
    const before = this.before(now);
    // As halves of 32 bits: 512 numbers for each of some hundreds of slots are too many bigints to make per window.
    const halves = new Uint32Array(now.calls.buffer, now.calls.byteOffset, now.calls.length * 2);
    const numbers: number[] = [];
    const counts: number[] = [];
    for (let index = 0; index < halves.length; index += 2) {
      const low = halves[index] ?? 0;
      const high = halves[index + 1] ?? 0;
      const added = low - (before.calls[index] ?? 0) + (high - (before.calls[index + 1] ?? 0)) * 2 ** 32;
      if (added <= 0) continue;
      numbers.push(index / 2);
      counts.push(added);
    }
    before.calls.set(halves);
    const losses = lossesBetween(before, now);
    const compat = compatBetween(before, now);
    const tick: SlotTick = {
      slot: now.slot,
      cgroup: now.cgroup,
      numbers,
      counts,
      compatNumbers: compat.map(([number]) => number),
      compatCounts: compat.map(([, count]) => count),
      forks: Number(now.forks - before.forks),
      execs: Number(now.execs - before.execs),
      exits: Number(now.exits - before.exits),
      lost: Object.values(losses).reduce((sum, count) => sum + count, 0),
      losses,
      pairs: [],
    };
    const { forks, execs, exits, lost, throttled } = now;
    Object.assign(before, { forks, execs, exits, lost, throttled });
    return tick;
  }

  private before(now: SlotCounts): Before {
    const known = this.slots.get(now.slot);
    if (known?.cgroup === now.cgroup) return known;
    const calls = new Uint32Array(LAYOUT.SYSCALL_NUMBERS * 2);
    const fresh: Before = { cgroup: now.cgroup, calls, compat: new Map(), ...NO_COUNTS };
    this.slots.set(now.slot, fresh);
    return fresh;
  }
}
