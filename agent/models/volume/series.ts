/**
 * The numbers of one workload or machine over time: how strange is this row of metrics, and which of them make it so?
 *
 * Each metric is compared with where it has been for days (anchor), for hours (slow) and just now (fast); each deviation
 * is turned into bits by what deviations were learnt (tail-bits.ts). Of each of these three views the mean of the
 * strangest metrics counts, and two more views ask whether the metrics still go together (subspace.ts). Views are
 * smoothed over some rows where that is what they are for, turned into bits again, averaged, and the mean is turned into
 * bits once more: so the result is comparable between workloads, however its metrics depend on each other.
 *
 * `learn` and `score` are apart, as in any model here; `follow` tells where the series is without learning what is
 * usual, for rows that are not to be learnt.
 *
 * Memory of 38 metrics: at most 3 × 2 × 256 bytes of counts each, 35 KB of covariance, 4 KB of levels: 100 KB; of one
 * metric 4 KB.
 */
import { Level } from './level.ts';
import { meanOfStrangest } from './strangest.ts';
import { Subspace } from './subspace.ts';
import { type BinOptions, DEFAULT_BINS, SCORE_BINS, Tail, TailBits } from './tail-bits.ts';

/** Half-lives, rows: a year of rows must not forget a week; a level of hours; and of minutes. */
const ANCHOR = { halfLife: 20_000, clip: null };
const SLOW = { halfLife: 4320, clip: 3 };
const FAST = { halfLife: 10, clip: null };
/** Half-life of the smoothing of each view, rows. */
const SMOOTH = 3;
const SMOOTH_OUTSIDE = 10;
/** Deviations from a level of so few rows say nothing. */
const FIRST_ROWS = 20;
/** Rows learnt before the views are calibrated. */
const FIRST_VIEWS = 20;
/** Rows from which on the result is calibrated at all. */
const ENOUGH = 40;
const MIN_FOR_SUBSPACE = 3;

const VIEWS = ['anchor', 'slow', 'fast', 'outside', 'within'] as const;
type View = (typeof VIEWS)[number];
const LEVELS = ['anchor', 'slow', 'fast'] as const;
type LevelName = (typeof LEVELS)[number];

export interface SeriesScore {
  /** −log2 of the share of what was learnt that is as strange. */
  readonly bits: number;
  /** The same of the one strangest metric by itself, at once: what `bits` of many calm metrics dilutes. */
  readonly peak: number;
  /** Bits of each metric, of the view in which it is strangest. */
  readonly metrics: Float64Array;
}

interface Metric {
  readonly levels: Record<LevelName, Level>;
  readonly tails: Record<LevelName, TailBits>;
}

/** Where the series is: moves with every row, learnt or not. */
interface Smoothed {
  value: number;
  count: number;
}

interface Looked {
  readonly row: Float64Array;
  readonly views: Record<View, number>;
  readonly metrics: Float64Array;
}

export interface SavedSeries {
  readonly rows: number;
  readonly metrics: readonly unknown[];
  readonly views: readonly unknown[];
  /** Of each view where it is, and rows. */
  readonly smoothed: readonly (readonly [number, number])[];
  readonly fused: unknown;
  readonly peak: unknown;
  readonly subspace: unknown;
}

export class Series {
  readonly size: number;
  readonly #metrics: Metric[];
  readonly #subspace: Subspace | null;
  readonly #views: Record<View, Tail> = byView(() => new Tail(SCORE_BINS));
  readonly #smoothed: Record<View, Smoothed> = byView(() => ({ value: 0, count: 0 }));
  readonly #fused = new Tail(SCORE_BINS);
  readonly #peak = new Tail(SCORE_BINS);
  #rows = 0;
  /** The row looked at last, until something changes: it is scored and learnt, and looked at once. */
  #looked: Looked | null = null;

  /** @param bins of the tails of the metrics; what they span decides over memory */
  constructor(size: number, bins: BinOptions = DEFAULT_BINS) {
    this.size = size;
    this.#metrics = Array.from({ length: size }, () => makeMetric(bins));
    this.#subspace = size < MIN_FOR_SUBSPACE ? null : new Subspace(size);
  }

  /** Rows learnt. */
  get rows(): number {
    return this.#rows;
  }

  /** Whether enough was learnt for bits that mean something. */
  get ready(): boolean {
    return this.#fused.total >= ENOUGH;
  }

  get bytes(): number {
    let bytes = this.#subspace?.bytes ?? 0;
    for (const { tails } of this.#metrics) for (const name of LEVELS) bytes += tails[name].bytes + 3 * 8;
    return bytes + (VIEWS.length + 2) * 512;
  }

  /** @param row NaN: not known */
  score(row: Float64Array): SeriesScore {
    const { views, metrics } = this.#look(row);
    return {
      bits: this.#fused.bits(this.#mean(views)),
      peak: this.#peak.bitsOfBits(largest(metrics)),
      metrics: metrics.slice(),
    };
  }

  /** Takes the row for usual. */
  learn(row: Float64Array): void {
    const { views, metrics } = this.#look(row);
    if (this.#rows >= FIRST_ROWS) this.#learnTails(row);
    if (this.#subspace?.learn(row) === true) {
      // Distances from other components are other distances.
      this.#views.outside.halve();
      this.#views.within.halve();
    }
    if (this.#rows >= 2 * FIRST_VIEWS) {
      this.#fused.add(this.#mean(views));
      this.#peak.add(largest(metrics));
    }
    if (this.#rows >= FIRST_VIEWS) for (const view of VIEWS) this.#learnView(view, views[view]);
    this.#rows += 1;
    this.#move(row, views, LEVELS);
  }

  /** The row is where the series is, but nothing is learnt from it. */
  follow(row: Float64Array): void {
    const { views } = this.#look(row);
    this.#move(row, views, ['slow', 'fast']);
  }

  /** What the metric usually is: where all but a share of what was learnt lies, on each side. */
  usual(index: number, share = 0.01): readonly [number, number] | null {
    const metric = this.#metrics[index];
    if (metric === undefined || metric.tails.anchor.total === 0) return null;
    const [low, high] = metric.tails.anchor.range(share);
    const { value } = metric.levels.anchor;
    return [value + low, value + high];
  }

  save(): SavedSeries {
    return {
      rows: this.#rows,
      metrics: this.#metrics.map(({ levels, tails }) =>
        LEVELS.map((name) => [levels[name].save(), tails[name].save()]),
      ),
      views: VIEWS.map((view) => this.#views[view].save()),
      smoothed: VIEWS.map((view) => [this.#smoothed[view].value, this.#smoothed[view].count]),
      fused: this.#fused.save(),
      peak: this.#peak.save(),
      subspace: this.#subspace?.save() ?? null,
    };
  }

  /** @throws TypeError when it is not what `save` gave for as many metrics. */
  load(saved: unknown): void {
    const { rows, metrics, views, smoothed, fused, peak, subspace } = (saved ?? {}) as Record<
      string,
      unknown
    >;
    if (!Number.isSafeInteger(rows) || ![metrics, views, smoothed].every(Array.isArray))
      throw new TypeError('not a saved series');
    const [ofMetrics, ofViews, where] = [metrics, views, smoothed] as [unknown[], unknown[], unknown[]];
    if (ofMetrics.length !== this.size) throw new TypeError(`a saved series of ${ofMetrics.length} metrics`);
    this.#metrics.forEach((metric, i) => {
      loadMetric(metric, ofMetrics[i]);
    });
    VIEWS.forEach((view, i) => {
      this.#views[view].load(ofViews[i]);
      this.#smoothed[view] = loadSmoothed(where[i]);
    });
    this.#fused.load(fused);
    this.#peak.load(peak);
    this.#subspace?.load(subspace);
    this.#rows = rows as number;
    this.#looked = null;
  }

  #look(row: Float64Array): Looked {
    if (this.#looked !== null && isSameRow(this.#looked.row, row)) return this.#looked;
    const metrics = new Float64Array(this.size);
    this.#looked = { row: row.slice(), metrics, views: this.#viewsOf(row, metrics) };
    return this.#looked;
  }

  #viewsOf(row: Float64Array, worst: Float64Array): Record<View, number> {
    const raw = byView(() => 0);
    const bits = new Float64Array(this.size);
    for (const name of LEVELS) {
      for (let j = 0; j < this.size; j++) bits[j] = this.#bitsOf(row, j, name);
      raw[name] = meanOfStrangest(bits);
      for (let j = 0; j < this.size; j++) worst[j] = Math.max(worst[j] ?? 0, bits[j] ?? 0);
    }
    if (this.#subspace?.ready === true) {
      const { outside, within } = this.#subspace.distances(row);
      raw.outside = outside;
      raw.within = within;
    }
    return byView((view) => this.#smooth(view, raw[view]));
  }

  #bitsOf(row: Float64Array, j: number, name: LevelName): number {
    const metric = this.#metrics[j];
    const value = row[j] ?? Number.NaN;
    if (metric === undefined || !Number.isFinite(value)) return 0;
    return metric.tails[name].bits(value - metric.levels[name].value);
  }

  /** What the view would be smoothed to, with this row. */
  #smooth(view: View, raw: number): number {
    if (view === 'within') return raw;
    const { value, count } = this.#smoothed[view];
    const rate = 1 - 2 ** (-1 / (view === 'outside' ? SMOOTH_OUTSIDE : SMOOTH));
    return value + Math.max(rate, 1 / (count + 1)) * (raw - value);
  }

  /** Mean of the views in bits. */
  #mean(views: Record<View, number>): number {
    const used: readonly View[] = this.#subspace?.ready === true ? VIEWS : LEVELS;
    let sum = 0;
    for (const view of used) sum += this.#views[view].bits(views[view]);
    return sum / used.length;
  }

  #learnTails(row: Float64Array): void {
    this.#metrics.forEach(({ levels, tails }, j) => {
      const value = row[j] ?? Number.NaN;
      if (!Number.isFinite(value)) return;
      for (const name of LEVELS) tails[name].add(value - levels[name].value);
    });
  }

  #learnView(view: View, value: number): void {
    if ((view === 'outside' || view === 'within') && this.#subspace?.ready !== true) return;
    this.#views[view].add(value);
  }

  #move(row: Float64Array, views: Record<View, number>, levels: readonly LevelName[]): void {
    this.#looked = null;
    this.#metrics.forEach((metric, j) => {
      const value = row[j] ?? Number.NaN;
      if (!Number.isFinite(value)) return;
      for (const name of levels) metric.levels[name].follow(value);
    });
    for (const view of VIEWS) {
      const smoothed = this.#smoothed[view];
      smoothed.value = views[view];
      smoothed.count += 1;
    }
  }
}

const largest = (bits: Float64Array): number => bits.reduce((most, each) => Math.max(most, each), 0);

function isSameRow(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let j = 0; j < a.length; j++) if (!Object.is(a[j], b[j])) return false;
  return true;
}

function byView<T>(value: (view: View) => T): Record<View, T> {
  return {
    anchor: value('anchor'),
    slow: value('slow'),
    fast: value('fast'),
    outside: value('outside'),
    within: value('within'),
  };
}

function makeMetric(bins: BinOptions): Metric {
  return {
    levels: { anchor: new Level(ANCHOR), slow: new Level(SLOW), fast: new Level(FAST) },
    tails: { anchor: new TailBits(bins), slow: new TailBits(bins), fast: new TailBits(bins) },
  };
}

function loadMetric({ levels, tails }: Metric, saved: unknown): void {
  if (!Array.isArray(saved) || saved.length !== LEVELS.length) throw new TypeError('not a saved metric');
  LEVELS.forEach((name, i) => {
    const [level, tail] = Array.isArray(saved[i]) ? (saved[i] as unknown[]) : [];
    levels[name].load(level);
    tails[name].load(tail);
  });
}

function loadSmoothed(saved: unknown): Smoothed {
  const [value, count] = Array.isArray(saved) ? saved : [];
  if (!Number.isFinite(value) || !Number.isSafeInteger(count)) throw new TypeError('not a saved view');
  return { value, count };
}
