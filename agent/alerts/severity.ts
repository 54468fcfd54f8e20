/** How bad, for people. */
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const rankOf = (severity: Severity): number => SEVERITIES.indexOf(severity);

export const worst = (a: Severity, b: Severity): Severity => (rankOf(a) >= rankOf(b) ? a : b);

/** One step up or down, within the scale. */
export function shift(severity: Severity, steps: number): Severity {
  const rank = Math.max(0, Math.min(SEVERITIES.length - 1, rankOf(severity) + steps));
  return SEVERITIES[rank] ?? severity;
}
