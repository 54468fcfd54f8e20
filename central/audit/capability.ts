/**
 * What a request would give whoever makes it, graded: 0 nothing, 1 the cluster. From the Kubernetes documentation ("RBAC good
 * practices: privilege escalation risks", "Pod security standards") and ATT&CK's matrix for containers.
 */
import type { AuditEvent } from './event.ts';
import type { PodSpec } from './pod-spec.ts';

export interface Subject {
  readonly event: AuditEvent;
  /** The pod that the request brings; null: none, or not logged. */
  readonly pod: PodSpec | null;
}

export interface Capability {
  readonly name: string;
  /** ATT&CK. */
  readonly technique: string;
  readonly sentence: string;
  /** Its grade, or 0: not this. */
  grade(subject: Subject): number;
}

/** Made, or given another content. */
export const isWrite = ({ verb }: AuditEvent): boolean => /^(create|update|patch|apply)$/.test(verb);
export const isDelete = ({ verb }: AuditEvent): boolean => /^delete(collection)?$/.test(verb);

/** A change of what is there already weighs less than something new: controllers and releases do it all day. */
export const fresh = ({ verb }: AuditEvent): number => (verb === 'create' ? 1 : 0.6);
