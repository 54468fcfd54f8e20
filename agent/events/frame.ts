/** What enters the pipeline, in order: live from the probes, or again from a recording. */
import type { ResourceReading } from './resources.ts';

/** Name of the program that the agent starts to be seen; its argument is the nonce. */
export const CANARY = 'picket-canary';

/** A cgroup folder found by looking through the cgroup file system. */
export interface CgroupFound {
  readonly id: number;
  /** Below the cgroup2 mount point, such as /system.slice/ssh.service. */
  readonly path: string;
}

/** What one slot did within the window that ends. */
export interface SlotTick {
  readonly slot: number;
  readonly cgroup: number;
  /** System-call numbers that were called, and how often each, in the same order. */
  readonly numbers: readonly number[];
  readonly counts: readonly number[];
  /** The same of calls with 32-bit numbering, by its numbers. */
  readonly compatNumbers: readonly number[];
  readonly compatCounts: readonly number[];
  readonly forks: number;
  readonly execs: number;
  readonly exits: number;
  /** Records of this slot not delivered within the window. */
  readonly lost: number;
  /** Of `lost`, why: by loss_reason, and those that were throttled by their kind, as `throttled/exec`. */
  readonly losses: Readonly<Record<string, number>>;
  /** Pairs of operations seen in the window, id(previous) * 256 + id(current); only of slots that learn. */
  readonly pairs: readonly number[];
}

/** The end of a window. */
export interface Tick {
  /** CLOCK_BOOTTIME, ns. */
  readonly bootNs: bigint;
  /** Unix time at the same instant, ms. */
  readonly wallMs: number;
  /** Slots that did nothing may be left out. */
  readonly slots: readonly SlotTick[];
  /** struct flow_entry back to back. */
  readonly flows: Uint8Array;
  /** Bytes of each; 0 in recordings of before entries had bytes and segments. */
  readonly flowSize: number;
  /** Reason → records lost since the probes were loaded. */
  readonly lost: Readonly<Record<string, number>>;
}

/** First frame of a recording: where, when and under which settings it was made. */
export interface Start {
  /** PICKET_RECORDS_VERSION of the records in it. */
  readonly recordsVersion: number;
  readonly cluster: string;
  readonly node: string;
  /** The kernel's boot id. */
  readonly boot: string;
  readonly bootNs: bigint;
  readonly wallMs: number;
  /** Arguments were replaced by a hash. */
  readonly redacted: boolean;
  /** Those that change verdicts, by row name. */
  readonly settings: Readonly<Record<string, string>>;
}

export type Frame =
  /** A baseline that was known before the first record, as `Registry.save` gives it. */
  | { readonly kind: 'baseline'; readonly text: string }
  /** What a training run gave, as JSON; see models/shape/training.ts. */
  | { readonly kind: 'network'; readonly text: string }
  /** What people said is normal, as JSON, in place of what they said before; see alerts/exceptions.ts. */
  | { readonly kind: 'exceptions'; readonly text: string }
  /** Whom addresses of the cluster belong to, as JSON; see identity/cluster-peers.ts. */
  | { readonly kind: 'peers'; readonly text: string }
  /** The agent is about to start its canary; see alerts/canary.ts. `parent`: its number on the node, 0: not known. */
  | { readonly kind: 'canary'; readonly nonce: string; readonly parent: number }
  | { readonly kind: 'start'; readonly start: Start }
  | { readonly kind: 'records'; readonly bytes: Uint8Array }
  | { readonly kind: 'cgroups'; readonly found: readonly CgroupFound[] }
  | { readonly kind: 'pods'; readonly list: string }
  /** Of the window that the next tick ends. */
  | { readonly kind: 'resources'; readonly readings: readonly ResourceReading[] }
  | { readonly kind: 'tick'; readonly tick: Tick };
