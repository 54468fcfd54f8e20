/**
 * *shape*: whether the numbers of a window go together as they always did, however large each is by itself. An
 * autoencoder (G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 2006)
 * is trained to repeat windows through a narrow middle; what it cannot repeat does not follow the relations it learnt.
 * Training happens elsewhere (training.ts says what is handed over); here are the rows to train on, and scoring.
 *
 * The score is 1 minus the share of windows whose error is as large. It is counted on windows that were not trained on:
 * each fourth row is held out. Beyond the 90 % quantile the tail of the error's logarithm is taken as exponential
 * (peaks over threshold: J. Pickands, "Statistical inference using extreme order statistics", Annals of Statistics 1975,
 * with shape 0), so that a window far out is worth more than one just beyond the largest seen.
 */
import { createHash } from 'node:crypto';
import { type Beheld, Beside, type Change } from '../care/beside.ts';
import type { Detector, Part, Score } from '../detector.ts';
import { type Network, networkOf, packed, reconstruct } from './network.ts';
import { type Scaling, scale, scalingOf } from './scaling.ts';
import { seedOf, type TrainingReply, type TrainingRequest } from './training.ts';

export interface ShapeOptions {
  /** Names of the features, in the order of a row's values. */
  readonly features: readonly string[];
  /** Rows kept at most, and from how many on it is trained. */
  readonly limit: number;
  readonly least: number;
  /** A value of the feature as people read it. */
  readonly show: (name: string, value: number) => string;
}

interface Tail {
  /** Logarithms of errors on held-out rows, ascending. */
  readonly sorted: readonly number[];
  readonly from: number;
  /** Mean excess over `from`. */
  readonly excess: number;
}

interface Trained {
  readonly scaling: Scaling;
  readonly network: Network;
  readonly tail: Tail;
  /** Rows learnt when it was asked for. */
  readonly learnt: number;
  readonly backend: string;
}

export interface SavedShape {
  readonly learnt: number;
  readonly rows: readonly (readonly (number | null)[])[];
  readonly trained: Trained | null;
  /** A newer network, or the one before; absent in what earlier versions saved. */
  readonly beside?: unknown;
}

const HOLD_OUT = 4;
const TAIL_FROM = 0.9;
/** Least mean excess: with few rows the largest may lie together by chance. */
const LEAST_EXCESS = 0.2;
const SHOWN = 5;
/** Of the error; what has less of it explains nothing. */
const LEAST_SHARE = 0.05;
/** Of training: more lowers the error on rows that were not trained on by less than a tenth. */
const STEPS = 200;
/** Rows are kept to a thousandth, which is little of a logarithm and short as text. */
const GRAIN = 1000;
/** Strange windows on end: 10 minutes of windows of 5 s of one container. */
const CHANGED = 120;
/** What the tail is believed to be worth at most: it is counted on some dozen windows. */
const MOST_BITS = 12;
/** Beyond any logarithm of a count. */
const FARTHEST = 999;
/** Of 128 rows and some 2,000 weights of 40 features it takes 70 KB. */
const MAX_BYTES = 96 * 1024;

export class Shape implements Detector<Float64Array> {
  readonly name = 'shape';
  readonly maxBytes = MAX_BYTES;
  readonly #options: ShapeOptions;
  #rows: Float64Array[] = [];
  #learnt = 0;
  /** Strange windows, less those that were not. */
  #strange = 0;
  readonly #versions = new Beside<Trained>();
  #asked: { readonly learnt: number; readonly scaling: Scaling } | null = null;

  constructor(options: ShapeOptions) {
    this.#options = options;
  }

  get learnt(): number {
    return this.#learnt;
  }

  /**
   * Keeps the row of a clean window, missing values as NaN. What is kept is an even sample of all rows (J. Vitter,
   * "Random sampling with a reservoir", 1985, with a hash of the number of rows in place of chance).
   */
  learn(row: Float64Array): void {
    const { features, limit } = this.#options;
    if (row.length !== features.length)
      throw new RangeError(`a row of ${row.length} features, not ${features.length}`);
    this.#learnt += 1;
    this.#strange = Math.max(0, this.#strange - 1);
    const kept = row.map(
      (value) => Math.round(Math.max(-FARTHEST, Math.min(FARTHEST, value)) * GRAIN) / GRAIN,
    );
    const place = this.#rows.length < limit ? this.#rows.length : scramble(this.#learnt) % this.#learnt;
    if (place < limit) this.#rows[place] = kept;
  }

  /**
   * A window that was called strange and is not learnt. When that goes on, the workload has changed for good: what is
   * known is given up, and learnt anew.
   */
  pass(): void {
    this.#strange += 1;
    if (this.#strange < CHANGED) return;
    this.#rows = [];
    this.#learnt = 0;
    this.#versions.clear();
    this.#asked = null;
    this.#strange = 0;
  }

  /**
   * A training run, when one is due: at first when there is enough, then each time there is twice as much. A run that
   * came to nothing is asked for again only then, too.
   */
  due(workload: string): TrainingRequest | null {
    const { least } = this.#options;
    const { live, other } = this.#versions;
    const known = Math.max(live?.learnt ?? 0, other?.learnt ?? 0, this.#asked?.learnt ?? 0);
    if (this.#learnt < Math.max(least, 2 * known)) return null;
    const scaling = scalingOf(this.#rows);
    this.#asked = { learnt: this.#learnt, scaling };
    const rows = this.#rows.filter((_, i) => i % HOLD_OUT !== 0).map((row) => [...scale(scaling, row)]);
    return { workload, rows, seed: seedOf(workload, this.#learnt), steps: STEPS };
  }

  /** Takes what was trained, as a candidate where there is a network; false when it was not asked for. */
  take({ network, backend }: TrainingReply): boolean {
    const asked = this.#asked;
    if (asked === null) return false;
    const { scaling, learnt } = asked;
    const held = this.#rows.filter((_, i) => i % HOLD_OUT === 0);
    const errors = held.map((row) => errorOf(network, scale(scaling, row)).error);
    this.#versions.offer({ scaling, network, tail: tailOf(errors), learnt, backend });
    this.#asked = null;
    return true;
  }

  score(row: Float64Array): Score {
    const trained = this.#versions.live;
    const { least } = this.#options;
    if (trained === null) {
      const few = this.#learnt < least;
      return {
        state: 'unknown',
        reason: few ? `${this.#learnt} of ${least} windows learnt` : 'not trained yet',
      };
    }
    const { error, squares, made } = errorOf(trained.network, scale(trained.scaling, row));
    const usual = Math.exp(trained.tail.sorted[trained.tail.sorted.length >> 1] ?? 0);
    return {
      state: 'scored',
      score: 1 - shareAsLarge(trained.tail, error),
      reason:
        `The numbers of this window do not go together as they did: ${(error / usual).toPrecision(2)} times the ` +
        `usual error, of ${trained.tail.sorted.length} windows that were not trained on.`,
      parts: this.#parts(trained, { squares, made, row }),
    };
  }

  /** The network beside looks at a window as well, of which the one that speaks said so many bits. @returns what came of it */
  compare(row: Float64Array, live: number): Change | null {
    const { looked } = this.#versions;
    if (looked === null) return null;
    const { error } = errorOf(looked.network, scale(looked.scaling, row));
    return this.#versions.note(live, bitsOfShape(1 - shareAsLarge(looked.tail, error)));
  }

  get beheld(): Beheld | null {
    return this.#versions.beheld;
  }

  /** Windows learnt when the network that speaks was asked for, and a hash of it; null: there is none. */
  get version(): string | null {
    const { live } = this.#versions;
    if (live === null) return null;
    const hash = createHash('sha256').update(JSON.stringify(live.network)).digest('hex');
    return `${live.learnt}-${hash.slice(0, 8)}`;
  }

  promote(): boolean {
    return this.#versions.promote();
  }

  rollBack(): boolean {
    return this.#versions.rollBack();
  }

  save(): SavedShape {
    const rows = this.#rows.map((row) => [...row].map((value) => (Number.isNaN(value) ? null : value)));
    const beside = this.#versions.save((trained) => ({ ...trained, network: packed(trained.network) }));
    return {
      learnt: this.#learnt,
      rows,
      trained: this.#versions.live,
      ...(beside === null ? {} : { beside }),
    };
  }

  /** @throws TypeError when it is not what `save` gave, or was made of other features. */
  load(saved: unknown): void {
    const { learnt, rows, trained, beside = null } = (saved ?? {}) as Record<string, unknown>;
    const width = this.#options.features.length;
    if (!Number.isSafeInteger(learnt) || !Array.isArray(rows)) throw new TypeError('not a saved shape model');
    const read = rows.slice(0, this.#options.limit).map((row) => rowOf(row, width));
    const known = trained === null ? null : trainedOf(trained, width);
    this.#versions.load(known, beside, (other) => trainedOf(other, width));
    this.#learnt = learnt as number;
    this.#rows = read;
    this.#asked = null;
  }

  #parts(
    { scaling }: Trained,
    { squares, made, row }: { squares: Float64Array; made: Float64Array; row: Float64Array },
  ): Part[] {
    const { features, show } = this.#options;
    const total = squares.reduce((sum, square) => sum + square, 0) || 1;
    const shares = features.map((name, i) => ({ name, i, share: (squares[i] ?? 0) / total }));
    return shares
      .filter(({ share, i }) => share >= LEAST_SHARE && !Number.isNaN(row[i]))
      .toSorted((a, b) => b.share - a.share)
      .slice(0, SHOWN)
      .map(({ name, i, share }) => {
        const expected = (made[i] ?? 0) * (scaling.spread[i] ?? 1) + (scaling.centre[i] ?? 0);
        return { what: `${name} ${show(name, row[i] ?? 0)}, expected ${show(name, expected)}`, share };
      });
  }
}

/** What a score is worth as evidence, bits. */
export const bitsOfShape = (score: number): number =>
  Math.min(MOST_BITS, Math.log2(1 / Math.max(Number.MIN_VALUE, 1 - score)));

/** A number that has nothing to do with its input but is the same each time (splitmix, G. Steele et al., 2014; 32 bits). */
function scramble(value: number): number {
  let z = (value + 0x9e37_79b9) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

function errorOf(
  network: Network,
  scaled: Float64Array,
): { error: number; squares: Float64Array; made: Float64Array } {
  const made = reconstruct(network, scaled);
  const squares = scaled.map((value, i) => (value - (made[i] ?? 0)) ** 2);
  return {
    error: squares.reduce((sum, square) => sum + square, 0) / Math.max(1, squares.length),
    squares,
    made,
  };
}

/** An error that is a single number a spread and a half off is none: of numbers that never moved, anything would be strange. */
const NOISE = 0.06;
const logOf = (error: number): number => Math.log(Math.max(error, NOISE));

function tailOf(errors: readonly number[]): Tail {
  const sorted = errors.map(logOf).toSorted((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * TAIL_FROM));
  const from = sorted[at] ?? 0;
  const beyond = sorted.slice(at);
  const excess = beyond.reduce((sum, value) => sum + value - from, 0) / Math.max(1, beyond.length);
  return { sorted, from, excess: Math.max(LEAST_EXCESS, excess) };
}

/** Share of windows with an error as large; never 0. */
function shareAsLarge({ sorted, from, excess }: Tail, error: number): number {
  const value = logOf(error);
  const larger = sorted.length - lowerBound(sorted, value);
  const counted = (larger + 1) / (sorted.length + 1);
  if (value <= from) return counted;
  return Math.max(Number.MIN_VALUE, (1 - TAIL_FROM) * Math.exp(-(value - from) / excess));
}

function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function rowOf(value: unknown, width: number): Float64Array {
  if (!Array.isArray(value) || value.length !== width)
    throw new TypeError(`a saved row that is not ${width} features`);
  if (!value.every((entry) => entry === null || Number.isFinite(entry)))
    throw new TypeError('a saved row of no numbers');
  return Float64Array.from(value, (entry: number | null) => entry ?? Number.NaN);
}

const areNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(Number.isFinite);

function trainedOf(value: unknown, width: number): Trained {
  const { scaling, network, tail, learnt, backend } = (value ?? {}) as Record<string, unknown>;
  const { centre, spread } = (scaling ?? {}) as Record<string, unknown>;
  const { sorted, from, excess } = (tail ?? {}) as Record<string, unknown>;
  if (!areNumbers(centre) || !areNumbers(spread) || centre.length !== width || spread.length !== width)
    throw new TypeError('a saved shape model without its scales');
  if (!areNumbers(sorted) || !Number.isFinite(from) || !(Number(excess) > 0) || !Number.isSafeInteger(learnt))
    throw new TypeError('a saved shape model without its tail');
  return {
    scaling: { centre, spread },
    network: networkOf(network, width),
    tail: { sorted, from: from as number, excess: excess as number },
    learnt: learnt as number,
    backend: String(backend),
  };
}
