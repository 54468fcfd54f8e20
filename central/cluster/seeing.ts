/** What a node's canaries prove, as its PicketNode says it: condition Seeing, and the times behind it. */
import { type Hearing, stateOf } from '../correlate/deafness.ts';
import { type Condition, conditionOf } from './condition.ts';

/** What is known of a node's canaries, with how long the last one took; times 0: none was. */
export interface Canary extends Hearing {
  readonly detectMs: number;
  readonly notifyMs: number;
  readonly notifiedMs: number;
}

const MAX_DETAIL = 256;

const time = (ms: number): string => new Date(ms).toISOString();

type Verdict = Pick<Condition, 'reason' | 'message'> & { readonly holds: boolean | null };

function verdictOf(canary: Canary, now: { reporting: boolean; nowMs: number; startedMs: number }): Verdict {
  const { result, detail, lastSeenMs } = canary;
  if (!now.reporting)
    return { holds: null, reason: 'Silent', message: `it has said nothing since ${time(lastSeenMs)}` };
  const state = stateOf(canary, now.nowMs, now.startedMs);
  if (state === 'proved') return { holds: true, reason: 'Proved', message: '' };
  if (state === 'waited-for')
    return { holds: null, reason: 'WaitedFor', message: 'the first canary has not come' };
  const last = result === '' || result === 'seen' ? 'none was told any more' : `the last one was ${result}`;
  return {
    holds: false,
    reason: 'Deaf',
    message: `${last}${detail === '' ? '' : ` (${detail.slice(0, MAX_DETAIL)})`}`,
  };
}

/** Nothing of a node that makes none. */
export function seeingOf(
  canary: Canary | null,
  before: unknown,
  now: { reporting: boolean; nowMs: number; startedMs: number },
): { readonly canary?: Record<string, unknown>; readonly conditions: readonly Condition[] } {
  if (canary === null || canary.intervalMs === 0) return { conditions: [] };
  const { intervalMs, provedMs, failures, result, detectMs, notifyMs, notifiedMs } = canary;
  return {
    canary: {
      intervalSeconds: Math.round(intervalMs / 1000),
      failures,
      ...(result === '' ? {} : { result }),
      ...(provedMs === 0
        ? {}
        : { provedAt: time(provedMs), detectMilliseconds: Math.max(0, Math.round(detectMs)) }),
      ...(notifiedMs === 0
        ? {}
        : { notifiedAt: time(notifiedMs), notifyMilliseconds: Math.max(0, Math.round(notifyMs)) }),
    },
    conditions: [conditionOf(before, { type: 'Seeing', ...verdictOf(canary, now), nowMs: now.nowMs })],
  };
}
