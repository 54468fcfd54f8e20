/** Median and range. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly n: number;
}

/** @throws RangeError for no values. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined || min === undefined || max === undefined)
    throw new RangeError('no values');
  return { median: (low + high) / 2, min, max, n: sorted.length };
}

/** `1.79 (1.65–1.95)` */
export function show({ median, min, max }: Spread, digits = 2): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** Median of paired ratios with an interval that holds it 95 times of 100. */
export interface MedianInterval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

const FEWEST = 6;

/**
 * By order statistics: the k-th smallest and largest of n values hold the median unless fewer than k fall on one side of
 * it, which is binomial whatever the distribution (Conover, Practical Nonparametric Statistics, 3.2). Assumes independent
 * values. Below FEWEST values there is no such pair at 95 %, and the range stands in its place.
 * @throws RangeError for no values.
 */
export function medianInterval(values: readonly number[]): MedianInterval {
  const { median, n } = spread(values);
  const sorted = [...values].sort((a, b) => a - b);
  let [k, below, term] = [0, 0, 0.5 ** n];
  for (let j = 0; 2 * (below + term) <= 0.05; j += 1) {
    below += term;
    term *= (n - j) / (j + 1);
    k = j + 1;
  }
  const from = Math.max(0, k - 1);
  return { median, low: sorted[from] ?? median, high: sorted[n - 1 - from] ?? median, n };
}

/** `1.05 (95 %: 0.99–1.10, n 15)` */
export function showInterval({ median, low, high, n }: MedianInterval, digits = 2): string {
  const range = `${low.toFixed(digits)}–${high.toFixed(digits)}`;
  return `${median.toFixed(digits)} (${n < FEWEST ? 'range' : '95 %'}: ${range}, n ${n})`;
}
