/** Routes of verdicts and exceptions. */
import type { ExceptionRule } from '../correlate/exception.ts';
import { type Feedback, LEASE_MS } from '../feedback/feedback.ts';
import type { Reranker } from '../feedback/reranker.ts';
import { type Subject, VERDICTS } from '../feedback/verdict.ts';
import { parseDuration } from '../respond/document.ts';
import { ApiError, type Call, done, type Handler, reasonOf, textOf } from './calls.ts';
import type { RouteName } from './roles.ts';

const LISTED = 1000;

export interface FeedbackRouteParts {
  readonly feedback: Feedback;
  readonly reranker: Reranker;
  /** Of files: they end with their file. */
  readonly written: () => readonly ExceptionRule[];
  readonly writtenHits: () => Promise<Readonly<Record<string, { hits: number; lastMs: number }>>>;
  readonly nowMs: () => number;
}

function subjectOf(body: Call['body']): Subject {
  const [alert, incident] = [textOf(body, 'alert'), textOf(body, 'incident')];
  if ((alert === '') === (incident === ''))
    throw new ApiError('PICKET_BAD_REQUEST', 'one of alert and incident is wanted');
  return alert === '' ? { kind: 'incident', id: incident } : { kind: 'alert', id: alert };
}

function leaseOf(body: Call['body']): number {
  const lease = textOf(body, 'lease');
  const ms = lease === '' ? LEASE_MS.usual : parseDuration(lease);
  if (ms !== null && ms > 0 && ms <= LEASE_MS.most) return ms;
  throw new ApiError(
    'PICKET_BAD_REQUEST',
    `lease: ${JSON.stringify(lease)} is not a duration such as 30d, up to 365d`,
  );
}

async function listed({ feedback, written, writtenHits, nowMs }: FeedbackRouteParts): Promise<object[]> {
  const now = nowMs();
  const hits = await writtenHits();
  const ofFiles = written().map((one) => ({
    ...one,
    actor: 'file',
    madeMs: 0,
    state: one.expiresMs !== null && one.expiresMs <= now ? 'ended' : 'in force',
    hits: hits[one.name]?.hits ?? 0,
    lastHitMs: hits[one.name]?.lastMs ?? 0,
  }));
  const made = (await feedback.exceptions(LISTED)).map((one) => ({
    ...one,
    state: one.revokedMs > 0 ? 'revoked' : one.expiresMs <= now ? 'ended' : 'in force',
  }));
  return [...made, ...ofFiles];
}

export function feedbackRoutes(parts: FeedbackRouteParts) {
  const { feedback, reranker } = parts;
  return {
    'GET /api/v1/feedback': async () => ({
      status: 200,
      value: { verdicts: await feedback.verdicts(LISTED) },
    }),
    'GET /api/v1/exceptions': async () => ({ status: 200, value: { exceptions: await listed(parts) } }),
    'POST /api/v1/feedback': async ({ actor, body }) => {
      const verdict = VERDICTS.find((one) => one === body['verdict']);
      if (verdict === undefined)
        throw new ApiError('PICKET_BAD_REQUEST', `verdict: one of ${VERDICTS.join(', ')} is wanted`);
      const asked = { subject: subjectOf(body), verdict, actor, reason: reasonOf(body) };
      return { status: 201, value: done(await feedback.give(asked)) };
    },
    'POST /api/v1/exceptions': async ({ actor, body }) => {
      const asked = {
        verdict: textOf(body, 'verdict'),
        leaseMs: leaseOf(body),
        actor,
        // The verdict has one.
        reason: textOf(body, 'reason') === '' ? '' : reasonOf(body),
      };
      return { status: 201, value: done(await feedback.except(asked)) };
    },
    'GET /api/v1/reranking': async () => ({ status: 200, value: await reranker.view() }),
    'POST /api/v1/reranking': async ({ actor, body }) => {
      const choice = textOf(body, 'use');
      if (!(await reranker.choose(choice, actor)))
        throw new ApiError(
          'PICKET_NOT_FOUND',
          `use: ${JSON.stringify(choice)} is neither latest, off, nor a version that is kept`,
        );
      return { status: 200, value: await reranker.view() };
    },
    'POST /api/v1/exceptions/:id/revoke': async ({ actor, id, body }) => ({
      status: 200,
      value: done(await feedback.revoke({ name: id, actor, reason: reasonOf(body) })),
    }),
  } satisfies Partial<Record<RouteName, Handler>>;
}
