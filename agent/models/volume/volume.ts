/**
 * *volume*: whether the numbers of a window are what they are here: rates, bytes, fan-out, failures, resources, silence.
 * A row of logarithms is judged by `series.ts`; the score is its bits, of the whole row or of its strangest number,
 * whichever is more, less one for having looked twice. Replicas share it: levels are the workload's.
 *
 * Memory of 42 features: 27 KB of counts at most, 43 KB of covariance; saved at most MAX_BYTES of text.
 */
import type { Detector, Part, Score } from '../detector.ts';
import { Series, type SeriesScore } from './series.ts';
import { strangestOf } from './strangest.ts';

export interface VolumeOptions {
  /** Names of the features, in the order of a row's values. */
  readonly features: readonly string[];
  /** A value of the feature as people read it. */
  readonly show: (name: string, value: number) => string;
}

/** Bits of a score of 1. A window's numbers alone are never believed to be rarer than 2^-16: see MOST_BITS. */
const FULL_BITS = 32;
const MOST_BITS = 16;
/** Bits beyond those that as many windows could show. */
const BEYOND_HISTORY = 4;
const TWO_LOOKS = 1;
/**
 * Of logarithms: a change of less than an eighth is as good as none, however constant a number was; 64 is a factor of 10^27.
 */
const BINS = { perOctave: 4, lowest: -3, highest: 6 };
const FARTHEST = 60;
const MAX_BYTES = 128 * 1024;
const SHOWN = 5;
/** A feature with less explains nothing. */
const LEAST_BITS = 4;

export class Volume implements Detector<Float64Array> {
  readonly name = 'volume';
  readonly maxBytes = MAX_BYTES;
  readonly #options: VolumeOptions;
  #series: Series;

  constructor(options: VolumeOptions) {
    this.#options = options;
    this.#series = new Series(options.features.length, BINS);
  }

  /** Rows learnt. */
  get learnt(): number {
    return this.#series.rows;
  }

  get bytes(): number {
    return this.#series.bytes;
  }

  /** @param row NaN: not known */
  learn(row: Float64Array): void {
    this.#series.learn(this.#bounded(row));
  }

  score(row: Float64Array): Score {
    const { ready, rows } = this.#series;
    if (!ready) return { state: 'unknown', reason: `${rows} windows learnt` };
    const bounded = this.#bounded(row);
    const looked = this.#series.score(bounded);
    const bits = bitsOf(looked, rows);
    const named = bits < LEAST_BITS ? [] : this.#named(bounded, looked);
    const [first = 'No number by itself is unusual.'] = named.map(({ text }) => text);
    return {
      state: 'scored',
      score: bits / FULL_BITS,
      reason: `${first} As strange as one window in ${Math.round(2 ** bits)}, of ${rows} learnt.`,
      parts: named.map(({ text, bits: own }): Part => ({ what: text, share: Math.min(1, own / FULL_BITS) })),
    };
  }

  save(): unknown {
    return this.#series.save();
  }

  load(saved: unknown): void {
    const series = new Series(this.#options.features.length, BINS);
    series.load(saved);
    this.#series = series;
  }

  #bounded(row: Float64Array): Float64Array {
    const { features } = this.#options;
    if (row.length !== features.length)
      throw new RangeError(`a row of ${row.length} features, not ${features.length}`);
    return row.map((value) => Math.max(-FARTHEST, Math.min(FARTHEST, value)));
  }

  /** What stands out, as `bytesOut 41 MB/s, usually 3 kB/s to 90 kB/s`. */
  #named(row: Float64Array, { metrics }: SeriesScore): { text: string; bits: number }[] {
    const { features, show } = this.#options;
    return strangestOf(metrics, SHOWN).flatMap((j) => {
      const bits = metrics[j] ?? 0;
      const name = features[j] ?? '';
      const usual = bits < LEAST_BITS ? null : this.#series.usual(j);
      if (usual === null) return [];
      const [low, high] = usual.map((value) => show(name, Math.max(0, value)));
      const range = low === high ? low : `${low} to ${high}`;
      return [{ text: `${name} ${show(name, row[j] ?? 0)}, usually ${range}`, bits }];
    });
  }
}

/** Ten minutes of windows cannot show what comes once a week, and do not claim to. */
function bitsOf({ bits, peak }: SeriesScore, rows: number): number {
  const believed = Math.min(MOST_BITS, Math.log2(rows) + BEYOND_HISTORY);
  return Math.min(believed, Math.max(0, Math.max(bits, peak) - TWO_LOOKS));
}

/** What a score is worth, bits. */
export const bitsOfScore = (score: number): number => score * FULL_BITS;
