/**
 * Features on one scale: the distance from the median in units of the spread, which is the interquartile range as a
 * normal distribution would have it. A feature that hardly moved gets a least spread, or its first step would outweigh all.
 */

export interface Scaling {
  readonly centre: readonly number[];
  readonly spread: readonly number[];
}

/** Of features that are logarithms: a factor of 1.2. */
const LEAST_SPREAD = 0.18;
/** Of a normal distribution, interquartile range ÷ standard deviation. */
const IQR_OF_NORMAL = 1.349;
/** Beyond it, further is no stranger: an outlier must not drown the others. */
const CLIP = 8;

function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

/** Rows of equal length; missing values are NaN. */
export function scalingOf(rows: readonly Float64Array[]): Scaling {
  const width = rows[0]?.length ?? 0;
  const centre: number[] = [];
  const spread: number[] = [];
  for (let i = 0; i < width; i += 1) {
    const values = rows.map((row) => row[i] ?? Number.NaN).filter((value) => !Number.isNaN(value));
    const sorted = values.toSorted((a, b) => a - b);
    centre.push(quantile(sorted, 0.5));
    spread.push(Math.max(LEAST_SPREAD, (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / IQR_OF_NORMAL));
  }
  return { centre, spread };
}

/** A missing value becomes the centre: it says nothing. */
export function scale({ centre, spread }: Scaling, row: Float64Array): Float64Array {
  return row.map((value, i) => {
    const scaled = (value - (centre[i] ?? 0)) / (spread[i] ?? 1);
    return Number.isNaN(scaled) ? 0 : Math.max(-CLIP, Math.min(CLIP, scaled));
  });
}
