/** This machine as frames: records as they come, a tick each window, cgroups and pods when they are found. */
import type { Clock } from '../../kit/clock.ts';
import { loop } from '../../kit/loop.ts';
import type { Probe, SlotCounts } from '../../native/index.ts';
import type { CgroupFound, Frame } from '../events/frame.ts';
import { LAYOUT } from '../events/layout.ts';
import type { ResourceReading } from '../events/resources.ts';
import type { Profile } from '../profile/profiles.ts';
import { listCgroups, scanCgroups } from './cgroups.ts';
import { CountDifferences, lossesOf } from './counts.ts';
import { SlotKnowledge } from './slot-knowledge.ts';

export interface LiveParts {
  readonly probe: Pick<
    Probe,
    | 'readCounts'
    | 'readChanges'
    | 'readFlows'
    | 'freeSlot'
    | 'counters'
    | 'takePairs'
    | 'loadPairs'
    | 'loadSeen'
    | 'setMode'
  >;
  readonly clock: Clock;
  readonly cgroupRoot: string;
  readonly windowMs: number;
  readonly emit: (frame: Frame) => void;
  /** Records that were emitted and lost after that, since the start; left out where that cannot be. */
  readonly overflow?: () => number;
  /** What each container used since it was asked for last; left out where that is not read. */
  readonly resources?: () => Promise<readonly ResourceReading[]>;
  readonly onError: (error: unknown) => void;
  readonly scanMs?: number;
}

/** New cgroups come in bursts; one look at the file system serves them all. */
const LOOKUP_MS = 20;
/** How often all cgroups are looked through, for what records did not tell because they were lost. */
const SCAN_MS = 60_000;
/** Reasons for which a record of a new cgroup may be among the lost: then they are looked through at the next tick. */
const HIDES_CGROUPS = ['no-slot', 'urgent-full', 'queue-full', 'frame-queue'] as const;

interface Removed {
  readonly slot: number;
  readonly cgroup: number;
}

/** Containers' cgroups that a batch says are gone. */
export function removedIn(records: Buffer): Removed[] {
  const removed: Removed[] = [];
  for (let at = 0; at + LAYOUT['sizeof record_header'] <= records.length; ) {
    const size = records.readUInt32LE(at + LAYOUT['record_header.size']);
    if (size < LAYOUT['sizeof record_header'] || at + size > records.length) break;
    const kind = records.readUInt32LE(at + LAYOUT['record_header.kind']);
    if (
      kind === LAYOUT.RECORD_CGROUP &&
      records.readUInt32LE(at + LAYOUT['cgroup_record.event']) === LAYOUT.CGROUP_REMOVED
    )
      removed.push({
        slot: records.readUInt32LE(at + LAYOUT['record_header.slot']),
        cgroup: Number(records.readBigUInt64LE(at + LAYOUT['record_header.cgroup'])),
      });
    at += size;
  }
  return removed;
}

export class LiveSource {
  private readonly parts: LiveParts;
  private readonly differences = new CountDifferences();
  private readonly knowledge: SlotKnowledge;
  private readonly stopping = new AbortController();
  private readonly wanted = new Set<number>();
  private removed: Removed[] = [];
  /** cgroups with a slot that the last look did not find. */
  private missed: ReadonlySet<number> = new Set();
  private lookingUp: NodeJS.Timeout | null = null;
  private scanning: Promise<void> | null = null;
  /** Losses that may hide cgroups, up to the last tick. */
  private hidden = 0;
  private running: Promise<void>[] = [];

  constructor(parts: LiveParts) {
    this.parts = parts;
    this.knowledge = new SlotKnowledge(parts.probe);
  }

  /** Names the cgroups that are there, then ticks each window. Counts from before are not of the first window. */
  start(): void {
    const { probe, cgroupRoot, windowMs, onError } = this.parts;
    this.differences.take(probe.readChanges());
    const before = probe.readCounts();
    this.looked(before, listCgroups(cgroupRoot));
    const { signal } = this.stopping;
    this.running = [
      loop({ intervalMs: windowMs, signal, onError }, () => this.window()),
      loop({ intervalMs: this.parts.scanMs ?? SCAN_MS, signal, onError }, () => this.scan()),
    ];
  }

  /** Whole records, as the probe gives them. */
  records(bytes: Buffer): void {
    this.parts.emit({ kind: 'records', bytes }); // first: somebody may be told of an attack
    this.removed.push(...removedIn(bytes));
  }

  /** Finds the path of a cgroup and emits it; soon, with others that are wanted by then. */
  lookup(cgroup: number): void {
    this.wanted.add(cgroup);
    if (this.lookingUp !== null || this.stopping.signal.aborted) return;
    this.lookingUp = setTimeout(() => {
      this.lookingUp = null;
      const wanted = new Set(this.wanted);
      this.wanted.clear();
      this.find(wanted).catch(this.parts.onError);
    }, LOOKUP_MS);
    this.lookingUp.unref();
  }

  /** Resources take their time, so they are read first: the tick itself is one instant. */
  private async window(): Promise<void> {
    const readings = (await this.parts.resources?.()) ?? [];
    if (readings.length > 0) this.parts.emit({ kind: 'resources', readings });
    this.tick();
  }

  /** Ends the window that is open: reads, emits, gives back the slots of cgroups that are gone. */
  tick(): void {
    const { probe, clock, emit, overflow } = this.parts;
    const removed = this.removed;
    this.removed = [];
    const slots = this.differences.take(probe.readChanges());
    const lost = lossesOf(probe.counters(), overflow?.() ?? 0);
    emit({
      kind: 'tick',
      tick: {
        bootNs: clock.bootNs(),
        wallMs: clock.wallMs(),
        slots: slots.map((slot) => ({ ...slot, pairs: this.knowledge.take(slot) })),
        flows: probe.readFlows(),
        flowSize: LAYOUT['sizeof flow_entry'],
        lost,
      },
    });
    for (const { slot, cgroup } of removed) this.free(slot, cgroup);
    const hidden = HIDES_CGROUPS.reduce((sum, reason) => sum + (lost[reason] ?? 0), 0);
    if (hidden > this.hidden && !this.stopping.signal.aborted) this.scan().catch(this.parts.onError);
    this.hidden = hidden;
  }

  /** Keys of what containers had done that found no place in their slots, since the start. */
  get unplaced(): number {
    return this.knowledge.unplaced;
  }

  /** What the slot of a container is to know from now on; once stopped there is no slot any more. */
  profile(profile: Profile): void {
    if (this.stopping.signal.aborted) return;
    try {
      this.knowledge.apply(profile);
    } catch (error) {
      this.parts.onError(error);
    }
  }

  /** One last tick for what was open. Idempotent. */
  async stop(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    this.stopping.abort();
    if (this.lookingUp !== null) clearTimeout(this.lookingUp);
    await Promise.all([...this.running, this.scanning]);
    this.tick();
  }

  private free(slot: number, cgroup: number): void {
    if (slot === LAYOUT.SLOT_NONE || slot === LAYOUT.SLOT_HOST) return;
    this.parts.probe.freeSlot(slot, cgroup);
    this.differences.forget(slot);
    this.knowledge.forget(slot);
  }

  private async find(wanted: ReadonlySet<number>): Promise<void> {
    const found = await scanCgroups(this.parts.cgroupRoot, wanted);
    if (found.length > 0 && !this.stopping.signal.aborted) this.parts.emit({ kind: 'cgroups', found });
  }

  /** All cgroups; who asks while a look is under way waits for that one. */
  private scan(): Promise<void> {
    this.scanning ??= this.scanOnce().finally(() => {
      this.scanning = null;
    });
    return this.scanning;
  }

  private async scanOnce(): Promise<void> {
    const before = this.parts.probe.readCounts();
    const found = await scanCgroups(this.parts.cgroupRoot);
    if (!this.stopping.signal.aborted) this.looked(before, found);
  }

  /** `before`: the slots there were when the look began. */
  private looked(before: readonly SlotCounts[], found: readonly CgroupFound[]): void {
    if (found.length === 0) return;
    this.parts.emit({ kind: 'cgroups', found });
    this.freeUnknown(before, new Set(found.map(({ id }) => id)));
  }

  /**
   * Slots of cgroups whose removal was not told, as its record was lost. Missing in two looks in a row: one look may
   * fail in part.
   */
  private freeUnknown(before: readonly SlotCounts[], found: ReadonlySet<number>): void {
    const told = new Set(this.removed.map(({ cgroup }) => cgroup));
    const missing = before.filter(({ cgroup }) => cgroup !== 0 && !found.has(cgroup) && !told.has(cgroup));
    for (const { slot, cgroup } of missing) if (this.missed.has(cgroup)) this.removed.push({ slot, cgroup });
    this.missed = new Set(missing.map(({ cgroup }) => cgroup));
  }
}
