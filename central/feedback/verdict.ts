/** What people say of alerts and incidents, and what follows from it. */
import type { ExceptionRule } from '../correlate/exception.ts';
import type { Evidence, Incident } from '../correlate/incident.ts';
import type { Step } from '../respond/execute.ts';
import type { JudgedAlert } from './judged.ts';

export const VERDICTS = ['true-positive', 'false-positive'] as const;
export type VerdictKind = (typeof VERDICTS)[number];

export interface Subject {
  readonly kind: 'alert' | 'incident';
  readonly id: string;
}
/** One line of the append-only table of verdicts. Of one subject the last one counts. */
export interface Verdict {
  readonly id: string;
  readonly atMs: number;
  readonly actor: string;
  readonly subject: Subject;
  readonly verdict: VerdictKind;
  readonly reason: string;
  /** Detector → its strongest evidence in the subject, bits; what the re-ranking learns from. */
  readonly features: Readonly<Record<string, number>>;
  /** Confidence without any verdict, 0 to 1. */
  readonly confidence: number;
}

/** An exception that a person put in force: it always ends. */
export interface MadeException extends ExceptionRule {
  readonly expiresMs: number;
  readonly actor: string;
  readonly madeMs: number;
  /** The verdict that it follows from. */
  readonly verdict: string;
  /** Unix time, ms; 0: not revoked. */
  readonly revokedMs: number;
  readonly revokedBy: string;
}
export interface ExceptionView extends MadeException {
  readonly hits: number;
  readonly lastHitMs: number;
}

/** An alert of the last days: what it stood on, where it went, what was said of it. */
export interface PastAlert {
  readonly evidence: Evidence;
  readonly incident: string;
  readonly verdict: VerdictKind | null;
}

/** The slice of storage that feedback needs; each call is part of one transaction. */
export interface FeedbackStore {
  /** The alerts of a subject, or none when it is unknown. */
  evidence(subject: Subject): Promise<readonly Evidence[]>;
  /** Alerts of these workloads since then, newest first, and those of earlier false verdicts on them. */
  history(workloads: readonly string[], sinceMs: number, most: number): Promise<readonly PastAlert[]>;
  addVerdict(verdict: Verdict): Promise<void>;
  verdict(id: string): Promise<Verdict | null>;
  /** Newest first. */
  verdicts(most: number): Promise<readonly Verdict[]>;
  /** The alerts that so many of the last verdicts are about, as far as they are kept. */
  judged(most: number): Promise<readonly JudgedAlert[]>;
  addException(made: MadeException): Promise<void>;
  revoke(name: string, by: { actor: string; atMs: number }): Promise<boolean>;
  /** Those that neither ended nor were revoked first. */
  exceptions(nowMs: number, most: number): Promise<readonly ExceptionView[]>;
}
export interface FeedbackTransaction {
  readonly feedback: FeedbackStore;
  readonly steps: { append(step: Step): Promise<void> };
  readonly incidents: { get(id: string): Promise<Incident | null> };
}
