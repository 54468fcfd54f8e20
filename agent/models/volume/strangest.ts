/**
 * Of many bits the mean of the largest few: between the largest (one noisy metric speaks for all) and the mean of all
 * (a fault shows in few of them and drowns). Truncated products of p-values: D. V. Zaykin and others, "Truncated product
 * method for combining P-values", Genetic Epidemiology 2002; with a fixed number of terms it is the rank truncated
 * product of F. Dudbridge and B. Koeleman, 2003. What it adds up to under dependence is calibrated by the caller.
 */
export const STRANGEST = 5;

/** Mean of the `count` largest of `bits`; of all where there are fewer. */
export function meanOfStrangest(bits: Float64Array, count = STRANGEST): number {
  const terms = Math.min(count, bits.length);
  if (terms === 0) return 0;
  // Few and sorted, by insertion: sorting all of them would be most of what a row costs.
  const largest = new Float64Array(terms).fill(Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let i = 0; i < bits.length; i++) insert(largest, bits[i] ?? 0);
  for (let k = 0; k < terms; k++) sum += largest[k] ?? 0;
  return sum / terms;
}

/** Into the largest so far, smallest first, in place of the smallest. */
function insert(largest: Float64Array, value: number): void {
  if (value <= (largest[0] ?? 0)) return;
  let k = 0;
  for (; k + 1 < largest.length && (largest[k + 1] ?? 0) < value; k++) largest[k] = largest[k + 1] ?? 0;
  largest[k] = value;
}

/** Indices of the `count` largest that are above 0, largest first. */
export function strangestOf(bits: Float64Array, count = STRANGEST): number[] {
  return [...bits.keys()]
    .filter((i) => (bits[i] ?? 0) > 0)
    .sort((a, b) => (bits[b] ?? 0) - (bits[a] ?? 0) || a - b)
    .slice(0, count);
}
