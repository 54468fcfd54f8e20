/** The detection that stands on what was not seen: who sends more than can be told may be hiding something in it. */
import type { Container } from '../identity/container.ts';
import { listLosses } from './explain.ts';
import type { Verdict } from './judge.ts';

export interface Flood {
  /** Records of the window that were not delivered, and by reason. */
  readonly lost: number;
  readonly losses: Readonly<Record<string, number>>;
  /** The reasons that this stretch of loss did not have before, each with `FILLED` where the container filled the place itself. */
  readonly fresh: readonly string[];
}

/** Beside a reason: it is the container's own doing. */
export const FILLED = ' by itself';
/**
 * Who filled a ring or map that all share has lost half of what was lost in it, and no handful: the smallest that fills one
 * is the burst of a kind, 1500 records, of which the drain takes most while it goes on.
 */
const MOST = 1 / 2;
const NO_HANDFUL = 256;

/** Of the reasons for a container's losses those that are its own doing: over its own budget, or it filled what all share. */
export function filledBy(
  losses: Readonly<Record<string, number>>,
  everybodys: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(losses)
    .filter(([name, count]) => {
      if (name.startsWith('anybody/')) return false;
      if (name.startsWith('throttled')) return true;
      return count >= NO_HANDFUL && count >= MOST * (everybodys[name] ?? 0);
    })
    .map(([name]) => name);
}

/** What is said of a window of the container in which records were not delivered. */
export function judgeFlood({ lost, losses, fresh }: Flood, container: Container): Verdict {
  const why = listLosses(losses);
  const summary = `${lost} record(s) of this container were not delivered: ${why}`;
  const own = fresh.some((name) => name.endsWith(FILLED));
  const throttled = Object.keys(losses).every((name) => name.startsWith('throttled'));
  const reach = !own
    ? 'It lost no more than others, or a handful: the place was full by no doing of this container.'
    : throttled
      ? 'Each container has its own budget for each kind of record, so that this hid nothing of others, and of its own little but more of the same actions, files and programs.'
      : 'Not all of it was over its own budget: it filled a ring or map.';
  return {
    detector: 'flood',
    severity: container.kind === 'host' || !own ? 'low' : 'medium',
    score: 0.5,
    summary,
    subject: `flood ${fresh.join(' ')}`,
    techniques: ['T1562'],
    facts: { lost: String(lost), losses: why },
    explanation: `flood: ${summary}. ${reach} It is told once for a stretch of loss, and again when it is of another kind.`,
    next: own
      ? 'Look at what the container repeats, and at what it did just before: a flood is a way to hide one action among many.'
      : '',
    flags: false,
    withholds: own,
    bits: 0,
    kind: 'flood',
  };
}

/** Containers that lose at the same time: it is the node that cannot follow. */
export const MANY_LOSE = 3;

/** What is said of the node when many of its containers lose records at once. */
export function judgeOverload(containers: number, lost: number, losses: string): Verdict {
  const summary = `records of ${containers} containers were not delivered: ${lost} in this window, ${losses}`;
  return {
    detector: 'overload',
    severity: 'medium',
    score: 0.5,
    summary,
    subject: 'overload',
    techniques: ['T1562'],
    facts: { lost: String(lost), losses, containers: String(containers) },
    explanation: `overload: ${summary}. What they do is seen in part only: their windows are not learnt, and what is new in them says less. It is told once for a stretch of loss.`,
    next: 'See whether the node has processor time for the agent, and whether `urgent-bytes` and `bulk-bytes` are large enough.',
    flags: false,
    withholds: false,
    bits: 0,
    kind: 'overload',
  };
}
