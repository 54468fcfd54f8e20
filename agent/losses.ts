/** What was lost, told by whom it may have concerned: of one slot, or of nobody in particular. */
import type { Tick } from './events/frame.ts';
import { TOLD_LATER } from './source/counts.ts';

/** Those who have no slot are never complete; what they lost is nobody else's loss. */
const NO_SLOT = 'no-slot';

export class Losses {
  /** Records of slots not delivered since the pipeline was made, by reason or `throttled/KIND`. */
  readonly ofSlots: Record<string, number> = {};
  /** Times in the last window that a container looked for a slot and found none. */
  withoutSlot = 0;
  /** Of the last window, by reason: all that the node lost. */
  everybodys: Readonly<Record<string, number>> = {};
  #before: Readonly<Record<string, number>> = {};

  /**
   * Records lost since the last tick that no slot accounts for, by reason: they may have been anybody's. A slot's losses
   * are taken off the reason they name.
   */
  take(tick: Tick): Record<string, number> {
    const left = new Map<string, number>();
    for (const [reason, count] of Object.entries(tick.lost))
      if (reason !== NO_SLOT && !TOLD_LATER.has(reason))
        left.set(reason, Math.max(0, count - (this.#before[reason] ?? 0)));
    this.everybodys = Object.fromEntries(left);
    this.withoutSlot = Math.max(0, (tick.lost[NO_SLOT] ?? 0) - (this.#before[NO_SLOT] ?? 0));
    this.#before = tick.lost;
    let named = 0;
    for (const slot of tick.slots) {
      named += slot.lost;
      for (const [name, count] of Object.entries(slot.losses)) {
        const [reason = name] = name.split('/');
        left.set(reason, (left.get(reason) ?? 0) - count);
        this.ofSlots[name] = (this.ofSlots[name] ?? 0) + count;
        named -= count;
      }
    }
    return anybodys(left, named);
  }
}

/** `unnamed` are losses of slots whose reason is not known: recordings once told only their sum. */
function anybodys(left: ReadonlyMap<string, number>, unnamed: number): Record<string, number> {
  // One slot's total and the node's are read one after the other: a reason may be ahead of the other by a few.
  const total = [...left.values()].reduce((sum, count) => sum + count, 0) - unnamed;
  if (total <= 0) return {};
  return Object.fromEntries([...left].filter(([, count]) => count > 0));
}
