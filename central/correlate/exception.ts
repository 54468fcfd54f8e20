/** An exception: what a person has said is normal for a workload. It hides no detection; it opens no incident. */
import { covers, type ExceptionMatch, type Hit, isOf, type Means } from '../../kit/exception.ts';
import type { Evidence } from './incident.ts';

export interface ExceptionRule extends ExceptionMatch {
  readonly reason: string;
}

/** The exception under which an alert opens no incident: every one of its detections must be covered by some. */
export function exceptionFor(
  evidence: Evidence,
  rules: readonly ExceptionRule[],
  { nowMs, means }: { readonly nowMs: number; readonly means?: Means | undefined },
): ExceptionRule | null {
  const inForce = rules.filter((rule) => isOf(rule, evidence.alert.workload, nowMs));
  if (inForce.length === 0) return null;
  const hits: readonly Hit[] =
    evidence.detections.length > 0
      ? evidence.detections
      : evidence.alert.detectors.map((detector) => ({ detector, facts: {} }));
  const covering = hits.map((hit) => inForce.find((rule) => covers(rule, hit, means)));
  return covering.includes(undefined) ? null : (covering[0] ?? null);
}
