/** Takes a share of the records away as if the kernel side had lost them, at random, each accounted to its slot and reason. */
import type { Frame, SlotTick, Tick } from '../../../agent/events/frame.ts';
import { LAYOUT } from '../../../agent/events/layout.ts';
import { lots } from '../lots.ts';

const HEADER = LAYOUT['sizeof record_header'];
/** The reason that they are said to be lost for: the ring had no room. */
const REASON = 'urgent-full';

export class Dropper {
  readonly #share: number;
  readonly #draw: () => number;
  /** Lost since the last tick, by slot, and in all. */
  readonly #lost = new Map<number, number>();
  #total = 0;

  constructor(share: number, seed: number) {
    this.#share = share;
    this.#draw = lots(seed);
  }

  get dropped(): number {
    return this.#total;
  }

  drop(frame: Frame): Frame {
    if (frame.kind === 'records') return { kind: 'records', bytes: this.#records(Buffer.from(frame.bytes)) };
    return frame.kind === 'tick' ? { kind: 'tick', tick: this.#tick(frame.tick) } : frame;
  }

  /** Containers' begins and ends stay: a live agent finds those whose record was lost by looking at the file system. */
  #records(bytes: Buffer): Buffer {
    const kept: Buffer[] = [];
    for (let at = 0; at + HEADER <= bytes.length; ) {
      const size = bytes.readUInt32LE(at + LAYOUT['record_header.size']);
      if (size < HEADER || at + size > bytes.length) break;
      const record = bytes.subarray(at, at + size);
      const isCgroup = record.readUInt32LE(LAYOUT['record_header.kind']) === LAYOUT.RECORD_CGROUP;
      if (isCgroup || this.#draw() >= this.#share) kept.push(record);
      else this.#lose(record.readUInt32LE(LAYOUT['record_header.slot']));
      at += size;
    }
    return Buffer.concat(kept);
  }

  #lose(slot: number): void {
    this.#total += 1;
    this.#lost.set(slot, (this.#lost.get(slot) ?? 0) + 1);
  }

  #tick(tick: Tick): Tick {
    const slots = tick.slots.map((slot): SlotTick => {
      const lost = this.#lost.get(slot.slot) ?? 0;
      if (lost === 0) return slot;
      const losses = { ...slot.losses, [REASON]: (slot.losses[REASON] ?? 0) + lost };
      return { ...slot, lost: slot.lost + lost, losses };
    });
    this.#lost.clear();
    return { ...tick, slots, lost: { ...tick.lost, [REASON]: (tick.lost[REASON] ?? 0) + this.#total } };
  }
}
