/**
 * What each false line stands on: the detection that made it be told, a rule or evidence, and if evidence by whose history that was
 * calibrated. The promise is on evidence alone; rules have no budget.
 */
import type { FalseAlert, Scored, Told } from './score.ts';

export interface Caused {
  readonly line: FalseAlert;
  /** Detector and severity of the detection before the line; empty: none was told. */
  readonly by: string;
  /** A later line of an alert that was first told about an attack. */
  readonly late: boolean;
}

export interface Promised {
  /** Container-hours in which one false alarm is promised at most, on average; null: not known. */
  readonly budgetHours: number | null;
  /** Alerts opened by evidence about nothing, by whose history it was calibrated; and those by rules. */
  readonly own: number;
  readonly pooled: number;
  readonly none: number;
  readonly rules: number;
}

/** Two times of one instant, one of them through text, s. */
const SAME_S = 0.001;

function lastBefore(line: Told, detections: readonly Told[]): Told | undefined {
  let last: Told | undefined;
  for (const one of detections)
    if (one.alert === line.id && one.time <= line.time + SAME_S && one.time >= (last?.time ?? 0)) last = one;
  return last;
}

/** `detections`: all of the run. */
export function causesOf({ falseAlerts, judged }: Scored, detections: readonly Told[]): Caused[] {
  const attacks = new Set(judged.flatMap(({ hits }) => hits.map(({ id }) => id)));
  return falseAlerts.map((line) => {
    const last = lastBefore(line.told, detections);
    const by = last === undefined ? '' : `${last.detectors.join('+')} ${last.severity}`;
    return { line, by, late: attacks.has(line.told.id) };
  });
}

/** Each alert once, by its first false line; of those about attacks that were told longer than the attack none. */
export function promisedOf(caused: readonly Caused[], budgetHours: number | null): Promised {
  const counts = { own: 0, pooled: 0, none: 0, rules: 0 };
  const first = new Map<string, Told>();
  for (const { line, late } of caused)
    if (!late && !first.has(line.told.id)) first.set(line.told.id, line.told);
  for (const { tail } of first.values()) counts[tail ?? 'rules'] += 1;
  return { budgetHours, ...counts };
}
