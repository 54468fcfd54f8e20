/**
 * Exact intervals of counts. Of a share: C. J. Clopper and E. S. Pearson ("The use of confidence or fiducial limits", Biometrika 1934), by
 * halving until the binomial tail is met. Of a rate: the upper bound of a Poisson count (F. Garwood, "Fiducial limits for the
 * Poisson distribution", Biometrika 1936). Trials are taken as independent.
 */

const STEPS = 60;

/** P(X ≤ k) of n trials of probability p. */
function binomialAtMost(k: number, n: number, p: number): number {
  if (p <= 0) return 1;
  if (p >= 1) return k >= n ? 1 : 0;
  let log = n * Math.log1p(-p);
  let sum = Math.exp(log);
  for (let i = 1; i <= k; i += 1) {
    log += Math.log((n - i + 1) / i) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(log);
  }
  return Math.min(1, sum);
}

/** P(X ≤ k) of a Poisson count with this mean. */
function poissonAtMost(k: number, mean: number): number {
  let log = -mean;
  let sum = Math.exp(log);
  for (let i = 1; i <= k; i += 1) {
    log += Math.log(mean / i);
    sum += Math.exp(log);
  }
  return Math.min(1, sum);
}

/** Where a falling function meets a value between low and high. */
function meet(falling: (x: number) => number, value: number, low: number, high: number): number {
  let [a, b] = [low, high];
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (a + b) / 2;
    if (falling(middle) > value) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}

/** Two-sided interval of a share. */
export function shareInterval(hits: number, trials: number, confidence = 0.95): readonly [number, number] {
  if (trials === 0) return [0, 1];
  const tail = (1 - confidence) / 2;
  const low = hits === 0 ? 0 : meet((p) => binomialAtMost(hits - 1, trials, p), 1 - tail, 0, 1);
  const high = hits === trials ? 1 : meet((p) => binomialAtMost(hits, trials, p), tail, 0, 1);
  return [low, high];
}

/** One-sided upper bound of the mean of a Poisson count. */
export function countBound(count: number, confidence = 0.95): number {
  return meet((mean) => poissonAtMost(count, mean), 1 - confidence, 0, 10 * count + 50);
}
