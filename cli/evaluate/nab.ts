/**
 * The scoring function of the Numenta Anomaly Benchmark, standard profile: A. Lavin, S. Ahmad, "Evaluating real-time
 * anomaly detection algorithms - the Numenta Anomaly Benchmark", ICMLA 2015; details as in its published scorer. Of each
 * window of labelled anomaly the earliest alarm counts, the earlier the more; a window without alarm costs 1; each alarm
 * outside costs up to 0.11, less just behind a window. The first 15 % of a series (at most 750 rows) are not scored. 0 is
 * what never raising an alarm gives, 100 is every window found at its first row and nothing else.
 */

export interface NabSeries {
  readonly scores: ArrayLike<number>;
  /** First and last row of each window, in order, not overlapping. */
  readonly windows: readonly (readonly [number, number])[];
}

const FALSE_ALARM = 0.11;
const PROBATION = 0.15;
const PROBATION_OF_AT_MOST = 5000;

/** From 1 well before `position` 0, the end of a window, to -1 well behind it. */
export function weightAt(position: number): number {
  return position >= 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1;
}

export const probationOf = (rows: number): number =>
  Math.min(Math.floor(PROBATION * rows), PROBATION * PROBATION_OF_AT_MOST);

interface Point {
  readonly score: number;
  readonly weight: number;
  /** Null: outside all windows. */
  readonly window: string | null;
}

function pointsOf({ scores, windows }: NabSeries, name: number): Point[] {
  const points: Point[] = [];
  const probation = probationOf(scores.length);
  let before: readonly [number, number] | null = null;
  let at = 0;
  for (let i = 0; i < scores.length; i++) {
    const window = windows[at];
    const inside = window !== undefined && i >= window[0];
    const weight = inside ? insideWeight(i, window) : FALSE_ALARM * outsideWeight(i, before);
    if (i >= probation)
      points.push({ score: scores[i] ?? 0, weight, window: inside ? `${name}/${at}` : null });
    if (inside && i === window[1]) {
      before = window;
      at += 1;
    }
  }
  return points;
}

function insideWeight(i: number, [first, last]: readonly [number, number]): number {
  return weightAt(-(last - i + 1) / (last - first + 1)) / weightAt(-1);
}

function outsideWeight(i: number, before: readonly [number, number] | null): number {
  return before === null ? -1 : weightAt((i - before[1]) / Math.max(1, before[1] - before[0]));
}

/** Sum of the weights, one threshold for all. Alarms are scores at or above it. */
function rawScore(points: readonly Point[], threshold: number): number {
  const best = new Map<string, number>();
  let outside = 0;
  for (const { score, weight, window } of points) {
    if (window !== null && !best.has(window)) best.set(window, -1);
    if (score < threshold) continue;
    if (window === null) outside += weight;
    else best.set(window, Math.max(best.get(window) ?? -1, weight));
  }
  return outside + [...best.values()].reduce((sum, weight) => sum + weight, 0);
}

/** Score of the series together, at most 100. NaN without windows. */
export function nabScore(series: readonly NabSeries[], threshold: number): number {
  const points = series.flatMap(pointsOf);
  const windows = new Set(points.flatMap(({ window }) => (window === null ? [] : [window]))).size;
  return (100 * (rawScore(points, threshold) + windows)) / (2 * windows);
}

/** The threshold that serves these series best, among those their scores take; the highest of equals. */
export function bestThreshold(series: readonly NabSeries[]): number {
  const points = series.flatMap(pointsOf).sort((a, b) => b.score - a.score);
  const best = new Map<string, number>();
  let [sum, most, threshold] = [0, 0, Number.POSITIVE_INFINITY];
  points.forEach(({ score, weight, window }, i) => {
    if (window === null) sum += weight;
    else {
      const known = best.get(window) ?? -1;
      best.set(window, Math.max(known, weight));
      sum += Math.max(known, weight) - known;
    }
    const last = points[i + 1]?.score !== score;
    if (last && sum > most) [most, threshold] = [sum, score];
  });
  return threshold;
}

/** Each series at the threshold that serves the others best: nothing of a series chooses its own threshold. */
export function leaveOneOut(series: readonly NabSeries[]): number {
  const thresholds = series.map((_, out) => bestThreshold(series.filter((__, i) => i !== out)));
  const relative = series.map(({ scores, windows }, i) => ({
    windows,
    scores: Float64Array.from(scores, (score) => (score >= (thresholds[i] ?? 0) ? 1 : 0)),
  }));
  return nabScore(relative, 1);
}
