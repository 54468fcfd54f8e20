/** An exception: what a person has said is normal for a workload. It hides no detection; it opens no incident. */
import { matchesGlob } from './glob.ts';
import type { Evidence } from './incident.ts';

export interface ExceptionRule {
  readonly name: string;
  /** Pattern of the workload's key. */
  readonly workload: string;
  /** null: any. */
  readonly detector: string | null;
  /** Fact name → pattern; all must match. */
  readonly facts: Readonly<Record<string, string>>;
  readonly reason: string;
  /** Unix time, ms; null: does not end. */
  readonly expiresMs: number | null;
}

function covers(rule: ExceptionRule, detector: string, facts: Readonly<Record<string, string>>): boolean {
  if (rule.detector !== null && rule.detector !== detector) return false;
  return Object.entries(rule.facts).every(([key, pattern]) => matchesGlob(pattern, facts[key] ?? ''));
}

/** The exception under which an alert opens no incident: every one of its detections must be covered by some. */
export function exceptionFor(
  evidence: Evidence,
  rules: readonly ExceptionRule[],
  nowMs: number,
): ExceptionRule | null {
  const inForce = rules.filter(
    (rule) =>
      (rule.expiresMs === null || rule.expiresMs > nowMs) &&
      matchesGlob(rule.workload, evidence.alert.workload),
  );
  if (inForce.length === 0) return null;
  const hits: readonly { detector: string; facts: Readonly<Record<string, string>> }[] =
    evidence.detections.length > 0
      ? evidence.detections
      : evidence.alert.detectors.map((detector) => ({ detector, facts: {} }));
  const covering = hits.map((hit) => inForce.find((rule) => covers(rule, hit.detector, hit.facts)));
  return covering.includes(undefined) ? null : (covering[0] ?? null);
}
