/**
 * One request to a Kubernetes API server, whichever way it was logged: as an Event of audit.k8s.io/v1, or in the envelope
 * of a provider. What a provider leaves out is null or empty, never guessed.
 */

export interface AuditEvent {
  /** Of the request; a request may have one event for each stage. */
  readonly id: string;
  /** RequestReceived, ResponseStarted, ResponseComplete, Panic; empty: not logged, the request is over. */
  readonly stage: string;
  /** RFC 3339, or as the log has it. */
  readonly time: string;
  readonly user: string;
  readonly groups: readonly string[];
  /** Whom the user acted as, or null. */
  readonly impersonated: string | null;
  readonly verb: string;
  readonly apiGroup: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uri: string;
  /** HTTP status; null: not logged. */
  readonly code: number | null;
  /** What the authorizer said; null: not logged. */
  readonly allowed: boolean | null;
  readonly sources: readonly string[];
  readonly userAgent: string;
  /** The object as it was sent; null: not logged. */
  readonly object: unknown;
  /** What exec was to run. */
  readonly command: readonly string[];
  /** Of the pod, that exec or attach enters; empty: not said, the pod's usual one. */
  readonly container: string;
  readonly provider: 'kubernetes' | 'eks' | 'gke' | 'aks' | 'admission';
  /** Lists of addresses of ill repute that name one of the sources. */
  readonly listed: readonly string[];
  /** Owners of the sources' networks by address, lower case, where the log was enriched with them. */
  readonly owners: Readonly<Record<string, string>>;
}

/** Whether it was refused, failed otherwise, or done as far as is known. */
export function outcomeOf({ code, allowed }: AuditEvent): 'done' | 'refused' | 'failed' {
  if (allowed === false || code === 401 || code === 403) return 'refused';
  return code !== null && code >= 400 ? 'failed' : 'done';
}

export const isRead = ({ verb }: AuditEvent): boolean => /^(get|list|watch|head|options)$/.test(verb);
