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
  readonly evidence: Weighed | null;
  /** Who was at work where it was not the workload itself: sentences. */
  readonly context: readonly string[];
  /** Plain sentences. */
  readonly explanation: readonly string[];
  readonly detectors: readonly string[];
  readonly techniques: readonly string[];
  /** Detections so far. */
  readonly count: number;
  /** What was lost while it was made, a sentence; empty: nothing. */
  readonly quality: string;
}

/** Something that an alert stands on. */
export interface Ground {
  readonly detector: string;
  /** Kind of fact. */
  readonly kind: string;
  readonly bits: number;
  readonly what: string;
}

/** The accumulated evidence with which an alert was opened or last confirmed; null in one that stands on rules alone. */
export interface Weighed {
  /** log2 of what has accumulated, and of what the budget asks for. */
  readonly total: number;
  readonly bound: number;
  /** Bits of the last window, calibrated, and what was taken off. */
  readonly bits: number;
  readonly excess: number;
  /** By whose history it is calibrated, and of how many windows. */
  readonly by: 'own' | 'pooled' | 'none';
  readonly periods: number;
  /** Strongest first. */
  readonly grounds: readonly Ground[];
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
    evidence: alert.evidence,
    context: alert.context,
    detectors: alert.detectors,
    techniques: alert.techniques,
    container: containerFields(alert.container),
    quality: alert.quality,
  };
}
