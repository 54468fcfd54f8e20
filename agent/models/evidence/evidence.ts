/** What speaks against "all as ever" in one container: of the open period, and accumulated over those before. */
import { Causes, type Item } from './causes.ts';
import { EDetector, type Lasting, MAX_LASTING } from './e-detector.ts';
import { ENOUGH, type Tail } from './tail.ts';

/** By whose history the bits were calibrated: the workload's own, that of all workloads of the node, or none as yet. */
export interface Calibration {
  readonly by: 'own' | 'pooled' | 'none';
  readonly periods: number;
  /** Bits too many. */
  excess(bits: number): number;
}

/** The workload's own history when it says enough, else that of all workloads together. */
export function calibrationOf(own: Tail, pooled: () => Tail): Calibration {
  const chosen = own.periods >= ENOUGH ? own : pooled();
  const by = chosen === own ? 'own' : chosen.periods === 0 ? 'none' : 'pooled';
  return { by, periods: chosen.periods, excess: (bits) => chosen.excess(bits) };
}

export interface Standing {
  /** Calibrated bits of the open period. */
  readonly bits: number;
  /** Bits taken off by history. */
  readonly excess: number;
  /** Accumulated over periods, log2 of the e-detector. */
  readonly total: number;
  /** The budget: log2 of the periods between two false alarms. */
  readonly bound: number;
}

/** Items kept for the explanation, the latest; and for how many periods. */
const MAX_ITEMS = 32;
const KEPT_PERIODS = 120;

export class Evidence {
  readonly #detector = new EDetector();
  readonly #causes = new Causes();
  #items: { readonly item: Item; readonly period: number }[] = [];
  #period = 0;
  /** Of what lasts: bits it had when it was added last, and those of them that stand in an alert already. */
  readonly #lasting = new Map<string, { bits: number; told: number }>();

  add(cause: string, item: Item): void {
    const left = this.#left(item);
    if (left > 0) this.#causes.add(cause, left === item.bits ? item : { ...item, bits: left });
  }

  /** Bits of the open period as the models have them. */
  get raw(): number {
    return this.#causes.bits;
  }

  /** Where it stands now, `periods` being the expected number of periods between two false alarms. */
  standing(calibration: Calibration, periods: number): Standing {
    const { raw } = this;
    const excess = calibration.excess(raw);
    const bits = Math.max(0, raw - excess);
    return {
      bits,
      excess,
      total: Math.log2(this.#detector.with(bits, this.#standsOn(calibration))),
      bound: Math.log2(Math.max(2, periods)),
    };
  }

  /** What it stands on, strongest first. */
  items(): Item[] {
    const earlier = this.#items.map(({ item }) => item);
    return [...this.#causes.items(), ...earlier].toSorted((a, b) => b.bits - a.bits);
  }

  /** An alert was opened: what it stood on is told. */
  told(): void {
    this.#detector.reset();
    this.#causes.clear();
    this.#items = [];
    for (const lasting of this.#lasting.values()) lasting.told = lasting.bits;
  }

  /** The period ends. One in which something was lost says nothing when it is quiet. */
  end(calibration: Calibration, complete: boolean): void {
    const { raw } = this;
    this.#period += 1;
    const bits = Math.max(0, raw - calibration.excess(raw));
    if (raw > 0 || complete) this.#detector.end(bits, this.#standsOn(calibration));
    const now = this.#causes.items().map((item) => ({ item, period: this.#period }));
    this.#items = [...this.#items, ...now]
      .filter(({ period }) => this.#period - period < KEPT_PERIODS)
      .slice(-MAX_ITEMS);
    this.#causes.clear();
  }

  /** What of the strongest cause lasts. */
  #standsOn(calibration: Calibration): Lasting | null {
    const { lasting, otherBits } = this.#causes.strongest;
    if (lasting === null) return null;
    return { ...lasting, otherBits: Math.max(0, otherBits - calibration.excess(otherBits)) };
  }

  /** What an item says that no alert stands on: of what has lasted since one only what it came to beyond that. */
  #left({ lasts, again = false, bits }: Item): number {
    if (lasts === undefined) return bits;
    const known = again ? this.#lasting.get(lasts) : undefined;
    if (known !== undefined && bits <= known.bits) return 0;
    this.#lasting.delete(lasts);
    this.#lasting.set(lasts, { bits, told: known?.told ?? 0 });
    const [oldest] = this.#lasting.keys();
    if (this.#lasting.size > MAX_LASTING && oldest !== undefined) this.#lasting.delete(oldest);
    return bits - (known?.told ?? 0);
  }
}
