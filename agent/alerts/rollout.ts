/**
 * A new version of a workload's image: what is new in it counts for less, with that reason, while it is young; and what it
 * changed is told once, in one line, when it is judged by itself.
 */
import { FACT_KINDS, type Fact, type FactKind } from '../features/fact.ts';
import type { Changes } from '../models/inheritance.ts';
import type { Verdict } from './judge.ts';
import { shift } from './severity.ts';

export const ROLLOUT = 'rollout';

/** What is asked of a rollout under way. */
export interface Rolling {
  readonly from: string;
  readonly to: string;
  /** Periods that it was looked at, and from how many on it is judged as ever. */
  readonly lived: number;
  readonly of: number;
  chance(kind: FactKind, phase: 'start' | 'steady'): number;
}

/** Characters told of one list of facts. */
const MOST_TEXT = 1200;
/** Windows of a young version whose numbers count half: two minutes. */
const HALF_LIVED = 24;

const shortOf = (digest: string): string => (digest === '' ? 'none known' : digest.slice(0, 19));

export const explainRollout = ({ from, to, lived, of }: Rolling): string =>
  `A rollout is under way: image ${shortOf(to)} came after ${shortOf(from)} and was looked at for ${Math.floor(lived)} of ${of} windows; ` +
  'what a release may bring counts for less until then.';

/** One step less for what a release may bring, with the reason. */
export function eased(verdict: Verdict, rollout: Rolling | null): Verdict {
  if (rollout === null) return verdict;
  const facts = { ...verdict.facts, rollout: explainRollout(rollout) };
  return { ...verdict, severity: shift(verdict.severity, -1), facts };
}

/** How much of what the numbers of a window say counts: another version has other numbers. */
export const shareOfRollout = (rollout: Rolling | null): number =>
  rollout === null ? 1 : rollout.lived / (rollout.lived + HALF_LIVED);

/** By kind: `exec a, b; connect c`, cut where it grows too long. */
export function listFacts(facts: readonly Fact[]): string {
  const parts = FACT_KINDS.flatMap((kind) => {
    const values = facts.filter((fact) => fact.kind === kind).map(({ value }) => value);
    return values.length === 0 ? [] : [`${kind} ${values.toSorted().join(', ')}`];
  });
  const text = parts.join('; ');
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)} and more`;
}

const countsOf = ({ learnt, held, more, stopped }: Changes): string =>
  `${learnt.length + held.length + more} new (${held.length} of them held back), ${stopped.length} stopped`;

function verdict(
  summary: string,
  subject: string,
  explanation: string,
  facts: Record<string, string>,
): Verdict {
  return {
    detector: ROLLOUT,
    severity: 'info',
    score: 0,
    summary,
    subject,
    techniques: [],
    facts,
    explanation,
    next: '',
    flags: false,
    withholds: false,
    bits: 0,
    kind: ROLLOUT,
  };
}

/** The report on a version. */
export function judgeChange(change: Changes, workload: string): Verdict {
  const { from, to, periods, starts, learnt, held, stopped, expected, more } = change;
  const summary = `image ${shortOf(to)} of ${workload} after ${shortOf(from)}: ${countsOf(change)}`;
  const explanation =
    `${ROLLOUT}: ${summary}, by ${periods} windows and ${starts} starts of it; ${expected} more facts of the versions before were not seen of it ` +
    'yet and are still believed of it. What was held back was called strange and enters by quorum or not at all.';
  return verdict(summary, `rollout ${to} ${periods}`, explanation, {
    from,
    to,
    windows: String(periods),
    starts: String(starts),
    new: listFacts(learnt),
    held: listFacts(held),
    stopped: listFacts(stopped),
    expected: String(expected),
    ...(more > 0 ? { more: String(more) } : {}),
  });
}

/** A version that was there before is in force again. */
export function judgeReturn(from: string, to: string, of: { workload: string; periods: number }): Verdict {
  const summary = `image ${shortOf(to)} of ${of.workload} is back after ${shortOf(from)}`;
  const explanation = `${ROLLOUT}: ${summary}; it is judged by its own ${of.periods} windows. What only other versions did is new for it.`;
  return verdict(summary, `return ${to}`, explanation, { from, to, windows: String(of.periods) });
}
