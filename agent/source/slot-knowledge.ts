/**
 * What the kernel side knows of each slot. While it learns, its pairs of operations are read and cleared at the end of a
 * window, and what else it has done is forgotten, so that each window tells it all; while it guards, it is left alone.
 * Only slots that learn and that did something are read: 8 KiB each.
 */
import type { Probe } from '../../native/index.ts';
import { LAYOUT } from '../events/layout.ts';
import { pairsIn } from '../features/pairs.ts';
import type { Profile } from '../profile/profiles.ts';

type Door = Pick<Probe, 'takePairs' | 'loadPairs' | 'loadSeen' | 'setMode'>;

const NO_KEYS = new BigUint64Array(0);

interface Slot {
  readonly slot: number;
  readonly cgroup: number;
}

/** The slot went to another cgroup, or to none, before what was meant for it came: said by the addon. */
const isAnothers = (error: unknown): boolean => (error as { code?: string }).code === 'PICKET_ARGUMENT';

export class SlotKnowledge {
  /** Keys that found no place, since the start: what they stand for is told each minute. */
  unplaced = 0;
  private readonly door: Door;
  /** Slots that guard, with their cgroup. */
  private readonly guards = new Map<number, number>();
  /** What a slot did between the end of its last learning window and its first moment in guard. */
  private readonly carried = new Map<number, number[]>();

  constructor(door: Door) {
    this.door = door;
  }

  /** The pairs of the window that ends. */
  take({ slot, cgroup }: Slot): number[] {
    if (slot === LAYOUT.SLOT_NONE) return [];
    const carried = this.carried.get(slot) ?? [];
    this.carried.delete(slot);
    if (this.guards.get(slot) === cgroup) return carried;
    return this.read({ slot, cgroup }, true);
  }

  /** @throws what the addon says, but not that the slot is another's by now. */
  apply(profile: Profile): void {
    const { slot, cgroup, mode, pairs, seen } = profile;
    try {
      if (mode === 'guard' && this.guards.get(slot) !== cgroup)
        this.carried.set(slot, this.read({ slot, cgroup }, false));
      // The pairs first: in guard, each that is not known becomes a record.
      if (pairs !== null)
        this.door.loadPairs(slot, cgroup, Buffer.from(pairs.buffer, pairs.byteOffset, pairs.length));
      if (seen !== null) this.unplaced += this.door.loadSeen(slot, cgroup, seen);
      this.door.setMode(slot, cgroup, mode);
      if (mode === 'guard') this.guards.set(slot, cgroup);
      else this.guards.delete(slot);
    } catch (error) {
      this.forget(slot);
      if (!isAnothers(error)) throw error;
    }
  }

  forget(slot: number): void {
    this.guards.delete(slot);
    this.carried.delete(slot);
  }

  /** `anew`: what the slot has done is forgotten, so that it is told in the next window, too. */
  private read({ slot, cgroup }: Slot, anew: boolean): number[] {
    try {
      if (anew) this.door.loadSeen(slot, cgroup, NO_KEYS);
      return pairsIn(this.door.takePairs(slot, cgroup));
    } catch (error) {
      if (isAnothers(error)) return [];
      throw error;
    }
  }
}
