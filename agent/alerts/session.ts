/**
 * Sessions from outside, as `kubectl exec` makes them: what people do in containers here is learnt over all workloads of
 * the node, as it is people's habit more than the workload's. An intruder who comes the same way is looked at by what he
 * reaches: a peer that neither the workload nor any session before spoke to. Where sessions often reach somebody new, a peer that was
 * asked for by name is one of those; who is called by a mere number, or belongs to the cluster, is not.
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
  /** The session asked for the peer by name, and a resolver that is used here told it the address. */
  readonly named: boolean;
}

/** Of the sessions at most: where more of them may reach a peer of its own, that one does is no news. */
const SELDOM = 1 / 50;

/** Why a new peer of a session alerts nobody, or empty. */
function lowering({ sessions, elsewhere, named }: Reach): string {
  if (elsewhere) return 'another workload of the node does';
  if (!named || !sessions.judges('connect', 'steady')) return '';
  const share = sessions.newness('connect', 'steady', 1);
  if (share < SELDOM) return '';
  return `it asked for it by name, and up to ${Math.round(share * 100)} % of the sessions here reach a peer of their own`;
}

/** What is said of a session's new connection; null where it is none, or where nobody knows yet who is spoken to. */
export function judgeReach(fact: Fact, reach: Reach): Verdict | null {
  const { baseline, sessions, role } = reach;
  if (fact.kind !== 'connect' || LOOPBACK.test(fact.value)) return null;
  if (baseline.state === 'learning' || sessions.seen(fact) > 0) return null;
  const why = lowering(reach);
  const lowered = why !== '';
  const summary = `a session from outside connected to ${fact.value}`;
  return {
    detector: SESSION_REACH,
    severity: lowered ? 'low' : 'medium',
    score: lowered ? 0.3 : 0.6,
    summary,
    subject: `session ${fact.value}`,
    techniques: ['T1609', 'T1071'],
    facts: { fact: `${fact.kind} ${fact.value}` },
    explanation:
      `${SESSION_REACH}: ${summary}, to which neither ${baseline.workload} in ${baseline.learnt('connect', 'steady')} periods ` +
      `nor any of ${sessions.learnt('connect', 'steady')} sessions on this node did${lowered ? `; ${why}` : ''}. ${role.reason}`,
    next: 'Find in the audit log of the cluster whose session it is, and ask what was sent.',
    flags: false,
    withholds: false,
    bits: 0,
    kind: SESSION_REACH,
  };
}
