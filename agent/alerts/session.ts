/**
 * Sessions from outside, as `kubectl exec` makes them: what people do in containers here is learnt over all workloads of
 * the node, as it is people's habit more than the workload's. An intruder who comes the same way is looked at by what he
 * reaches: a peer that neither the workload nor any session before spoke to.
 */
import type { Fact } from '../features/fact.ts';
import { type BaselineView, LOOPBACK, type Situation, type Verdict } from './judge.ts';

export const SESSION_REACH = 'session-reach';

/** Key of the baseline of all sessions on this node. */
export const sessionsOf = (workload: string): string =>
  `${workload.split('/', 1)[0] ?? ''}/-/Session/node/sessions`;

/** Where people work, the sessions and the node itself, what is usual says nothing of workloads. */
const NO_WORKLOAD = /^[^/]*\/-\/(?:Session|Node)\//;
export const isWorkload = (key: string): boolean => !NO_WORKLOAD.test(key);

export interface Reach extends Situation {
  readonly sessions: BaselineView;
  /** Some other workload of the node speaks to the peer. */
  readonly elsewhere: boolean;
}

/** What is said of a session's new connection; null where it is none, or where nobody knows yet who is spoken to. */
export function judgeReach(fact: Fact, { baseline, sessions, role, elsewhere }: Reach): Verdict | null {
  if (fact.kind !== 'connect' || LOOPBACK.test(fact.value)) return null;
  if (baseline.state === 'learning' || sessions.seen(fact) > 0) return null;
  const summary = `a session from outside connected to ${fact.value}`;
  return {
    detector: SESSION_REACH,
    severity: elsewhere ? 'low' : 'medium',
    score: elsewhere ? 0.3 : 0.6,
    summary,
    subject: `session ${fact.value}`,
    techniques: ['T1609', 'T1071'],
    facts: { fact: `${fact.kind} ${fact.value}` },
    explanation:
      `${SESSION_REACH}: ${summary}, to which neither ${baseline.workload} in ${baseline.learnt('connect', 'steady')} periods ` +
      `nor any of ${sessions.learnt('connect', 'steady')} sessions on this node did${elsewhere ? '; another workload of the node does' : ''}. ${role.reason}`,
    next: 'Find in the audit log of the cluster whose session it is, and ask what was sent.',
    flags: false,
    withholds: false,
    bits: 0,
    kind: SESSION_REACH,
  };
}
