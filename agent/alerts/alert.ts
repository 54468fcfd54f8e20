/** The shape of an alert: detections with one cause, grouped, updated and explained. */
import type { Container } from '../identity/container.ts';
import { ALERT_LOG_SCHEMA, containerFields } from './detection.ts';
import type { Severity } from './severity.ts';

export interface Alert {
  readonly id: string;
  /** Grows with each update, from 1. */
  readonly revision: number;
  readonly severity: Severity;
  readonly score: number;
  /** CLOCK_BOOTTIME of the first and last detection, ns. */
  readonly firstNs: bigint;
  readonly lastNs: bigint;
  readonly firstWallMs: number;
  readonly lastWallMs: number;
  readonly container: Container;
  readonly title: string;
  /** Plain sentences. */
  readonly explanation: readonly string[];
  readonly detectors: readonly string[];
  readonly techniques: readonly string[];
  /** Detections so far. */
  readonly count: number;
  /** What was lost while it was made, a sentence; empty: nothing. */
  readonly quality: string;
}

/** The alert as the object of one line of the alert log. */
export function alertLine(alert: Alert, where: { node: string; cluster: string }): Record<string, unknown> {
  return {
    schema: ALERT_LOG_SCHEMA,
    kind: 'alert',
    id: alert.id,
    revision: alert.revision,
    time: new Date(alert.lastWallMs).toISOString(),
    boot_ns: String(alert.lastNs),
    node: where.node,
    cluster: where.cluster,
    severity: alert.severity,
    score: alert.score,
    first: new Date(alert.firstWallMs).toISOString(),
    last: new Date(alert.lastWallMs).toISOString(),
    count: alert.count,
    title: alert.title,
    explanation: alert.explanation,
    detectors: alert.detectors,
    techniques: alert.techniques,
    container: containerFields(alert.container),
    quality: alert.quality,
  };
}
