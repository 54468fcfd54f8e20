/**
 * What is usual at one door: how many tries of it are cut short, within a window, a minute and ten minutes, and what a
 * connection through it carries. Of each span only the highest sum of each block of that length is learnt: sums of windows
 * within one are made of the same tries (block maxima: E. Gumbel, "Statistics of Extremes", 1958). Blocks without any are
 * not kept: they are those that are left.
 *
 * Memory: four histograms of at most 64 bins, made when something is seen.
 */
import { type SavedTail, Tail } from '../volume/tail-bits.ts';

export const DOOR_KINDS = ['accept', 'connect', 'failed', 'scan', 'refused'] as const;
export type DoorKind = (typeof DOOR_KINDS)[number];

/** What went on at a door until the end of a window. */
export interface DoorNow {
  readonly kind: DoorKind;
  /** Port, peer or program; empty for kinds that have one door. */
  readonly name: string;
  /** Tries cut short beyond those that so many connections bring anyway, by span; to learn: the highest of each block. */
  readonly sums: readonly number[];
  /** Connections of this window, and those cut short. */
  readonly tries: number;
  readonly short: number;
  /** Of each connection, on average; null: there was none. */
  readonly bytes: number | null;
}

/** Tries: up to 65,536 in ten minutes. */
const COUNTS = { perOctave: 2, lowest: 0, highest: 16 } as const;
/** Bytes of a connection: 1 to 4 GB. */
const SIZES = { perOctave: 2, lowest: 0, highest: 32 } as const;
/** Half an observation more extreme than all: no share is 0. */
const PRIOR = 0.5;
/** Bits beyond those that as many blocks could show. */
const BEYOND_HISTORY = 4;
/** Of connections, those that carry as much or more. */
const NOT_SMALL = 0.9;
/** Windows with connections, from which on it is known what they carry. */
const ENOUGH_SIZES = 8;

/** As many connections say little of a share. */
const FEW_TRIES = 16;

/** Seconds over which tries are added up; 0: one window. */
export const SPANS = [0, 60, 600] as const;

export type SavedDoor = readonly [name: string, ...(number | SavedTail)[]];

export class Door {
  /** Numbers of the windows in which it was used first and last. */
  since = 0;
  used = 0;
  /** Connections since it is known what they carry, and those of them that were cut short. */
  #tries = 0;
  #short = 0;
  readonly #sizes = new Tail(SIZES);
  readonly #sums: readonly Tail[] = SPANS.map(() => new Tail(COUNTS));

  /** A connection carries at least so many bytes, but few; null: not known. */
  get usualBytes(): number | null {
    return this.#sizes.total < ENOUGH_SIZES ? null : this.#sizes.quantileAbove(NOT_SMALL);
  }

  /** Share of its connections that are cut short anyway: with more load there are more of them. */
  get shortShare(): number {
    return this.#short / (this.#tries + FEW_TRIES);
  }

  learn({ sums, bytes, tries, short }: Omit<DoorNow, 'kind' | 'name'>): void {
    // While it is not known what a connection carries all seem short.
    if (this.usualBytes !== null) {
      this.#tries = Math.min(Number.MAX_SAFE_INTEGER, this.#tries + tries);
      this.#short = Math.min(this.#tries, this.#short + short);
    }
    for (const [i, tail] of this.#sums.entries()) if ((sums[i] ?? 0) >= 1) tail.add(sums[i] ?? 0);
    if (bytes !== null) this.#sizes.add(Math.max(1, bytes));
  }

  /** -log2 of the share of so many blocks with such a sum, no more than their number can show. */
  bits(span: number, sum: number, blocks: number): number {
    const tail = this.#sums[span];
    const octave = Math.log2(sum);
    if (tail === undefined || !(octave >= 0)) return 0;
    const share = Math.min(1, (tail.aboveOctave(octave) + PRIOR) / (blocks + PRIOR));
    const most = Math.log2(Math.max(1, blocks)) + BEYOND_HISTORY;
    return Math.min(most, -Math.log2(share) + tail.beyond(octave));
  }

  /** What one block in twenty reaches. */
  usual(span: number, blocks: number): number {
    const tail = this.#sums[span];
    if (tail === undefined || tail.total < blocks / 20) return 0;
    return tail.quantileAbove(blocks / 20 / Math.max(1, tail.total));
  }

  save(name: string): SavedDoor {
    const { since, used } = this;
    const short = Math.round(this.#short * 1000) / 1000;
    return [
      name,
      since,
      used,
      this.#tries,
      short,
      this.#sizes.save(),
      ...this.#sums.map((tail) => tail.save()),
    ];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: readonly unknown[]): void {
    const [, since, used, tries, short, sizes, ...sums] = saved;
    if (![since, used, tries, short].every(isAmount) || sums.length !== SPANS.length)
      throw new TypeError('not a saved door');
    this.#sizes.load(sizes);
    for (const [i, tail] of this.#sums.entries()) tail.load(sums[i]);
    this.since = since as number;
    this.used = used as number;
    this.#tries = tries as number;
    this.#short = short as number;
  }
}

const isAmount = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0;
