/** Whether an agent leaked while containers came and went: pure, from samples. */

/** What was read of the agent at one time; memory in MiB. */
export interface Sample {
  readonly seconds: number;
  readonly rss: number;
  readonly anonymous: number;
  /** Of JavaScript: live and dead objects; what they hold outside of the heap. */
  readonly heapUsed: number;
  readonly external: number;
  readonly descriptors: number;
  /** Slots that are given out in the kernel. */
  readonly slots: number;
  readonly mapBytes: number;
  readonly cpuSeconds: number;
}

/** Change per hour with its 95 % interval. */
export interface Slope {
  readonly perHour: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Theil-Sen: the median of the slopes of all pairs of points, with the interval of Sen, P. K. (1968), "Estimates of the
 * regression coefficient based on Kendall's tau", J. Am. Stat. Assoc. 63. Assumes independent errors, of any distribution:
 * a collection of garbage between two samples moves one of them by megabytes, which least squares would believe.
 * Quadratic in the points, of which there are some hundreds.
 */
export function slope(points: readonly { readonly seconds: number; readonly value: number }[]): Slope {
  const n = points.length;
  if (n < 3) throw new RangeError(`a slope of ${n} points`);
  const slopes: number[] = [];
  for (const [i, a] of points.entries())
    for (const b of points.slice(i + 1)) slopes.push(((b.value - a.value) / (b.seconds - a.seconds)) * 3600);
  slopes.sort((a, b) => a - b);
  // Variance of Kendall's S without ties.
  const half = 1.96 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const at = (index: number): number =>
    slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(index)))] ?? Number.NaN;
  return {
    perHour: (at((slopes.length - 1) / 2 - 0.25) + at((slopes.length - 1) / 2 + 0.25)) / 2,
    low: at((slopes.length - half) / 2),
    high: at((slopes.length + half) / 2),
  };
}

export interface Verdict {
  readonly anonymous: Slope;
  readonly heap: Slope;
  /** What does not hold; none: no leak was found. */
  readonly problems: readonly string[];
}

export interface Limits {
  /** Anonymous memory that may be more at the end of an hour, MiB, by the lower end of the interval. */
  readonly mibPerHour: number;
  /** Slots that are given out once all containers are gone. */
  readonly slotsLeft: number;
  /** Descriptors come and go with cgroups that are read: so many more than in the middle are no growth. */
  readonly descriptors: number;
}

/** The second half: containers that are gone are remembered for a while, so the first half grows for a reason. */
export function judge(samples: readonly Sample[], last: Sample, limits: Limits): Verdict {
  const half = samples.slice(Math.floor(samples.length / 2));
  const of = (read: (sample: Sample) => number): Slope =>
    slope(half.map((sample) => ({ seconds: sample.seconds, value: read(sample) })));
  const most = (read: (sample: Sample) => number, among: readonly Sample[]): number =>
    Math.max(...among.map(read));
  const [anonymous, heap] = [of((s) => s.anonymous), of((s) => s.heapUsed)];
  const problems: string[] = [];
  if (anonymous.low > limits.mibPerHour)
    problems.push(`anonymous memory grows by at least ${anonymous.low.toFixed(1)} MiB an hour`);
  if (last.slots > limits.slotsLeft)
    problems.push(`${last.slots} slots are given out at the end, not ${limits.slotsLeft}`);
  const [early, late] = [half.slice(0, half.length >> 1), half.slice(half.length >> 1)];
  const descriptors = (s: Sample): number => s.descriptors;
  if (most(descriptors, late) > most(descriptors, early) + limits.descriptors)
    problems.push(`descriptors grew from ${most(descriptors, early)} to ${most(descriptors, late)}`);
  const maps = (s: Sample): number => s.mapBytes;
  if (most(maps, late) > most(maps, early))
    problems.push(`kernel maps grew from ${most(maps, early)} to ${most(maps, late)} bytes`);
  return { anonymous, heap, problems };
}
