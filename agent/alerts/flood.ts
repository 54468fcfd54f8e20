/** The detection that stands on what was not seen: who sends more than can be told may be hiding something in it. */
import type { Container } from '../identity/container.ts';
import type { Verdict } from './judge.ts';

/** What is said of a window of the container in which `lost` of its records were not delivered. */
export function judgeFlood(lost: number, container: Container): Verdict {
  const summary = `${lost} record(s) of this container were not delivered: it did more at once than is let through`;
  return {
    detector: 'flood',
    severity: container.kind === 'host' ? 'low' : 'medium',
    score: 0.5,
    summary,
    subject: 'flood',
    techniques: ['T1562'],
    facts: { lost: String(lost) },
    explanation: `flood: ${summary}. Each container has its own budget for each kind of record, so that this hid nothing of others, and of its own only more of the same kind.`,
    next: 'Look at what the container repeats, and at what it did just before: a flood is a way to hide one action among many.',
    flags: false,
    withholds: true,
  };
}
