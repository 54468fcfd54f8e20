/** The detection that stands on what was not seen: who sends more than can be told may be hiding something in it. */
import type { Container } from '../identity/container.ts';
import { listLosses } from './explain.ts';
import type { Verdict } from './judge.ts';

export interface Flood {
  /** Records of the window that were not delivered, and by reason. */
  readonly lost: number;
  readonly losses: Readonly<Record<string, number>>;
  /** The reasons that this episode of loss did not have before. */
  readonly fresh: readonly string[];
}

/** Of what others lost in the same place at the same time: who lost no more than this share did not fill it. */
const BYSTANDER = 1 / 20;

/** Everything it lost was lost in a ring or map that others had filled. */
const isBystander = (losses: Flood['losses']): boolean =>
  Object.entries(losses).every(
    ([name, count]) => name.startsWith('anybody/') || count <= BYSTANDER * (losses[`anybody/${name}`] ?? 0),
  );

/** What is said of a window of the container in which records were not delivered. */
export function judgeFlood({ lost, losses, fresh }: Flood, container: Container): Verdict {
  const why = listLosses(losses);
  const summary = `${lost} record(s) of this container were not delivered: ${why}`;
  const own = Object.keys(losses).every((name) => name.startsWith('throttled'));
  const bystander = isBystander(losses);
  const reach = bystander
    ? 'Others lost most in the same place: they had filled it, and it is no doing of this container.'
    : own
      ? 'Each container has its own budget for each kind of record, so that this hid nothing of others, and of its own only more of the same kind.'
      : 'Not all of it was over its own budget: a ring or map was full.';
  return {
    detector: 'flood',
    severity: container.kind === 'host' || bystander ? 'low' : 'medium',
    score: 0.5,
    summary,
    subject: `flood ${fresh.join(' ')}`,
    techniques: ['T1562'],
    facts: { lost: String(lost), losses: why },
    explanation: `flood: ${summary}. ${reach} It is told once while it goes on, and again when it is of another kind.`,
    next: 'Look at what the container repeats, and at what it did just before: a flood is a way to hide one action among many.',
    flags: false,
    withholds: true,
    bits: 0,
    kind: 'flood',
  };
}
