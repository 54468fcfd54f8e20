/**
 * Figures of a detector, from scores in which high is strange. What has the same score as the threshold is never found:
 * a detector that gives everything one score finds nothing, whatever its area under the curve.
 */

/** Highest first; the caller's array stays as it is. */
function sortedDown(scores: readonly number[]): Float64Array {
  const sorted = Float64Array.from(scores).sort();
  return sorted.reverse();
}

/** Share of pairs of a normal and an attack in which the attack scores higher; equal scores are half a pair. NaN without pairs. */
export function auc(normals: readonly number[], attacks: readonly number[]): number {
  const all = [
    ...normals.map((score) => ({ score, attack: false })),
    ...attacks.map((score) => ({ score, attack: true })),
  ].sort((a, b) => a.score - b.score);
  let below = 0;
  let won = 0;
  for (let from = 0; from < all.length; ) {
    let to = from;
    let equal = 0;
    while (to < all.length && all[to]?.score === all[from]?.score) equal += all[to++]?.attack ? 0 : 1;
    won += (to - from - equal) * (below + equal / 2);
    below += equal;
    from = to;
  }
  return won / (normals.length * attacks.length);
}

/** Lowest threshold that at most this share of the scores exceeds. */
export function thresholdAt(scores: readonly number[], share: number): number {
  const allowed = Math.floor(scores.length * share + 1e-9);
  return sortedDown(scores)[allowed] ?? Number.NEGATIVE_INFINITY;
}

/** Share of scores strictly above the threshold. NaN without scores. */
export function shareAbove(scores: readonly number[], threshold: number): number {
  let above = 0;
  for (const score of scores) if (score > threshold) above += 1;
  return above / scores.length;
}

/** Share of attacks above the threshold that at most this share of the normals exceeds. */
export function drAt(normals: readonly number[], attacks: readonly number[], share: number): number {
  return shareAbove(attacks, thresholdAt(normals, share));
}

/**
 * Area under precision over recall as a step function (the average precision of information retrieval): the mean, over
 * the attacks, of the precision where the attack is found. Equal scores are found together. NaN without attacks.
 */
export function averagePrecision(normals: readonly number[], attacks: readonly number[]): number {
  const down = sortedDown(normals);
  const found = sortedDown(attacks);
  let falseAlarms = 0;
  let sum = 0;
  for (let from = 0; from < found.length; ) {
    const score = found[from] ?? Number.NaN;
    let to = from;
    while (to < found.length && found[to] === score) to += 1;
    while (falseAlarms < down.length && (down[falseAlarms] ?? 0) >= score) falseAlarms += 1;
    sum += (to - from) * (to / (to + falseAlarms));
    from = to;
  }
  return sum / attacks.length;
}

export interface Verdict {
  /** Calibrated on training data alone: chance of such a score, or more, for a normal unit. */
  readonly p: number;
  /** Outside everything learnt; counts as an alarm at every asked rate. */
  readonly unknown: boolean;
}

/** Share of verdicts that are alarms when this rate was asked for. */
export function achieved(verdicts: readonly Verdict[], asked: number): number {
  return verdicts.filter(({ p, unknown }) => unknown || p <= asked).length / verdicts.length;
}

/** 95 % interval of a share (E. B. Wilson, JASA 1927). */
export function interval(hits: number, trials: number): readonly [number, number] {
  if (trials === 0) return [0, 1];
  const z = 1.959964;
  const p = hits / trials;
  const centre = p + (z * z) / (2 * trials);
  const spread = z * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials));
  const whole = 1 + (z * z) / trials;
  return [Math.max(0, (centre - spread) / whole), Math.min(1, (centre + spread) / whole)];
}
