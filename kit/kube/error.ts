/** Every failure of a request to the API server. */

/** As RBAC names what is asked. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/**
 * `reason` is the API server's own (`NotFound`, `Forbidden`, `Conflict`, `AlreadyExists`, `Expired`, ...) where it
 * answered, and else ours: `Unreachable`, `Timeout`, `Aborted`, `TooLarge`, `Malformed`, `BadName`, `Credentials`.
 */
export class KubeError extends Error {
  readonly code = 'PICKET_KUBE';
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  readonly reason: string;
  readonly verb: Verb | null;
  readonly path: string;
  /** When the server asked to come again. */
  readonly retryAfterMs: number | null;
  /** `details.causes` of the server's Status: which field or rule was against it. */
  readonly causes: readonly string[];

  constructor(parts: {
    status?: number;
    reason: string;
    verb?: Verb;
    path: string;
    message: string;
    retryAfterMs?: number | null;
    causes?: readonly string[];
    cause?: unknown;
  }) {
    const { status = 0, reason, verb, path, message } = parts;
    const asked = verb === undefined ? path : `${verb} ${path}`;
    super(`kubernetes: ${asked}: ${status === 0 ? '' : `${status} `}${reason}: ${message}`, {
      cause: parts.cause,
    });
    this.name = 'KubeError';
    this.status = status;
    this.reason = reason;
    this.verb = verb ?? null;
    this.path = path;
    this.retryAfterMs = parts.retryAfterMs ?? null;
    this.causes = parts.causes ?? [];
  }
}

export const isKubeError = (error: unknown, reason?: string): error is KubeError =>
  error instanceof KubeError && (reason === undefined || error.reason === reason);

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};
/** A server asks for at most this, whatever it says. */
const MAX_RETRY_AFTER_S = 300;
const MAX_MESSAGE = 1024;
const MAX_CAUSES = 8;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** Seconds of a Retry-After header in ms; a date in it is not read, as no API server sends one. */
export function retryAfterMs(header: string | string[] | undefined): number | null {
  const seconds = Number(Array.isArray(header) ? header[0] : (header ?? Number.NaN));
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER_S) * 1000 : null;
}

function causesOf(details: unknown): string[] {
  const causes = isObject(details) && Array.isArray(details['causes']) ? details['causes'] : [];
  return causes
    .slice(0, MAX_CAUSES)
    .filter(isObject)
    .map(({ field, message, reason }) => `${field ?? reason ?? ''}: ${message ?? ''}`.slice(0, MAX_MESSAGE));
}

/** The error that an answer of this status is; `body` is a Status, or what a proxy wrote. */
export function errorOfAnswer(
  asked: { readonly verb: Verb; readonly path: string },
  answer: { readonly status: number; readonly body: unknown; readonly retryAfterMs: number | null },
): KubeError {
  const status = isObject(answer.body) && answer.body['kind'] === 'Status' ? answer.body : {};
  const details = isObject(status['details']) ? status['details'] : {};
  const seconds = details['retryAfterSeconds'];
  // A conflict's body says which: `Conflict` or `AlreadyExists`; of other statuses it may say nothing.
  const reason = typeof status['reason'] === 'string' && status['reason'] !== '' ? status['reason'] : null;
  return new KubeError({
    ...asked,
    status: answer.status,
    reason: reason ?? REASONS[answer.status] ?? `Http${answer.status}`,
    message: String(status['message'] ?? `the server answered ${answer.status}`).slice(0, MAX_MESSAGE),
    retryAfterMs:
      answer.retryAfterMs ??
      (typeof seconds === 'number' && seconds > 0 ? retryAfterMs(String(seconds)) : null),
    causes: causesOf(details),
  });
}
