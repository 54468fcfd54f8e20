/** Figures of scores over time, where neighbouring rows are one event. */

export type Span = readonly [number, number];

/** Runs of labelled rows, as first and last row. */
export function segmentsOf(labels: readonly boolean[]): Span[] {
  const spans: [number, number][] = [];
  labels.forEach((strange, i) => {
    const last = spans.at(-1);
    if (!strange) return;
    if (last?.[1] === i - 1) last[1] = i;
    else spans.push([i, i]);
  });
  return spans;
}

/** Alarms outside the segments no further apart than this are one. */
const SAME_EVENT_ROWS = 10;

/** False events: alarms on rows that are not labelled, near ones as one. */
export function falseEvents(
  scores: readonly number[],
  labels: readonly boolean[],
  threshold: number,
): number {
  let events = 0;
  let last = Number.NEGATIVE_INFINITY;
  scores.forEach((score, i) => {
    if (labels[i] === true || score <= threshold) return;
    if (i - last > SAME_EVENT_ROWS) events += 1;
    last = i;
  });
  return events;
}

/** Segments with an alarm, and all, at the lowest threshold down to which there were at most so many false events. */
export function segmentsFound(
  scores: readonly number[],
  labels: readonly boolean[],
  allowed: number,
): readonly [number, number] {
  const levels = [...new Set(scores)].sort((a, b) => b - a);
  // False events need not grow as the threshold falls, for near ones join: the first that are too many end the search.
  let [held, step] = [0, Math.max(1, Math.floor(levels.length / 2000))];
  const fits = (at: number): boolean => falseEvents(scores, labels, levels[at] ?? 0) <= allowed;
  for (; step >= 1; step = Math.floor(step / 2))
    while (held + step < levels.length && fits(held + step)) held += step;
  const threshold = levels[held] ?? Number.POSITIVE_INFINITY;
  const segments = segmentsOf(labels);
  const found = segments.filter(([from, to]) =>
    scores.slice(from, to + 1).some((score) => score > threshold),
  );
  return [found.length, segments.length];
}

/** F1 of alarms by row, without adjustment. 0 when nothing is found. */
export function f1(alarms: readonly boolean[], labels: readonly boolean[]): number {
  const hits = alarms.filter((alarm, i) => alarm && labels[i] === true).length;
  const all = alarms.filter(Boolean).length + labels.filter(Boolean).length;
  return all === 0 ? 0 : (2 * hits) / all;
}
