/** Loaded programs whose counters the test sets. */
import { LAYOUT } from '../../agent/events/layout.ts';
import type { Probe, ProbeCounters, SlotCounts } from '../../native/index.ts';

export interface FakeProbe extends Probe {
  counts: SlotCounts[];
  flows: Buffer;
  readonly lost: BigUint64Array;
  /** `slot cgroup` of each freeSlot. */
  readonly freed: string[];
  /** What was asked about pairs: `take 2 42`, `load 2 42`, `guard 2 42`. */
  readonly asked: string[];
  /** What every slot's pairs are when they are taken. */
  pairs: Buffer;
  /** Thrown by what is asked about pairs. */
  refusal: Error | null;
  closed: boolean;
}

export function slotCounts(
  slot: number,
  cgroup: number,
  more: { calls?: Record<number, bigint>; forks?: bigint; execs?: bigint; exits?: bigint; lost?: bigint },
): SlotCounts {
  const calls = new BigUint64Array(512);
  for (const [number, count] of Object.entries(more.calls ?? {})) calls[Number(number)] = count;
  const { forks = 0n, execs = 0n, exits = 0n, lost = 0n } = more;
  const reasons = new BigUint64Array(LAYOUT.LOSS_REASONS);
  reasons[0] = lost;
  const throttled = new BigUint64Array(16);
  return { slot, cgroup, calls, compat: [], forks, execs, exits, lost: reasons, throttled };
}

export function fakeProbe(): FakeProbe {
  const counters = (lost: BigUint64Array): ProbeCounters => ({
    lost,
    queueFull: 0n,
    records: 0n,
    batches: 0n,
    missedRuns: 0n,
    slots: 0,
  });
  return {
    hooks: [
      {
        name: 'tp_btf/sched_process_exec',
        program: 'program_executed',
        state: 'attached',
        reason: null,
        required: true,
      },
    ],
    counts: [],
    flows: Buffer.alloc(0),
    lost: new BigUint64Array(LAYOUT.LOSS_REASONS),
    freed: [],
    asked: [],
    pairs: Buffer.alloc(8192),
    refusal: null,
    closed: false,
    readCounts() {
      return this.counts;
    },
    readChanges() {
      return this.counts;
    },
    readFlows() {
      return this.flows;
    },
    freeSlot(slot, cgroup) {
      this.freed.push(`${slot} ${cgroup}`);
    },
    setMode(slot, cgroup, mode) {
      this.asked.push(`${mode} ${slot} ${cgroup}`);
    },
    loadPairs(slot, cgroup) {
      if (this.refusal !== null) throw this.refusal;
      this.asked.push(`load ${slot} ${cgroup}`);
    },
    readPairs: () => Buffer.alloc(8192),
    takePairs(slot, cgroup) {
      if (this.refusal !== null) throw this.refusal;
      this.asked.push(`take ${slot} ${cgroup}`);
      return Buffer.from(this.pairs);
    },
    readBigrams: () => new Uint32Array(4096),
    loadSeen(slot, cgroup, keys) {
      if (this.refusal !== null) throw this.refusal;
      this.asked.push(`seen ${slot} ${cgroup} ${keys.length}`);
      return 0;
    },
    counters() {
      if (this.closed) throw Object.assign(new Error('closed'), { code: 'PICKET_CLOSED' });
      return counters(this.lost);
    },
    maps: () => ({ slots: 4096 }),
    async close() {
      this.closed = true;
    },
  };
}
