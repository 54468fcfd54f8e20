/** How often each detector was right and wrong about each workload, by what people said of alerts. Pure. */
import type { VerdictKind } from './verdict.ts';

/** An alert with the last verdict on it, or on the incident that it is part of. */
export interface JudgedAlert {
  readonly workload: string;
  readonly detectors: readonly string[];
  readonly verdict: VerdictKind;
}
export interface Judged {
  readonly workload: string;
  readonly detector: string;
  readonly hits: number;
  readonly falseAlarms: number;
}

/** Most false alarms first. An alert counts for each detector that it stands on. */
export function judgedOf(alerts: readonly JudgedAlert[]): Judged[] {
  const counts = new Map<string, Judged>();
  for (const { workload, detectors, verdict } of alerts)
    for (const detector of new Set(detectors)) {
      const key = JSON.stringify([workload, detector]);
      const { hits, falseAlarms } = counts.get(key) ?? { hits: 0, falseAlarms: 0 };
      const wrong = verdict === 'false-positive';
      const now = { hits: hits + Number(!wrong), falseAlarms: falseAlarms + Number(wrong) };
      counts.set(key, { workload, detector, ...now });
    }
  const names = ({ workload, detector }: Judged): string => `${workload} ${detector}`;
  return [...counts.values()].toSorted(
    (a, b) => b.falseAlarms - a.falseAlarms || b.hits - a.hits || (names(a) < names(b) ? -1 : 1),
  );
}

/** By detector, of all workloads. */
export function judgedByDetector(judged: readonly Judged[]): ReadonlyMap<string, Omit<Judged, 'workload'>> {
  const found = new Map<string, Omit<Judged, 'workload'>>();
  for (const { detector, hits, falseAlarms } of judged) {
    const before = found.get(detector) ?? { hits: 0, falseAlarms: 0 };
    const sum = { hits: before.hits + hits, falseAlarms: before.falseAlarms + falseAlarms };
    found.set(detector, { detector, ...sum });
  }
  return found;
}
