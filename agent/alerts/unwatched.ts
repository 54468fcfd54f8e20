/** The detection that stands on what is not looked at: containers for which no slot was free. */
import type { Verdict } from './judge.ts';

export interface Unwatched {
  /** Times in this window that a container looked for a slot and found none; one may have looked more than once. */
  readonly tries: number;
  /** Ids of containers of which nothing is counted, as far as they are known. */
  readonly containers: readonly string[];
}

/** Ids in full would fill the line of an alert; an operator needs a few to begin with. */
const NAMED = 5;

/** What is said of a window in which a container found no free slot. */
export function judgeUnwatched({ tries, containers }: Unwatched): Verdict {
  const some = containers.slice(0, NAMED).map((id) => id.slice(0, 12));
  const more = containers.length > NAMED ? ` and ${containers.length - NAMED} more` : '';
  const who = containers.length === 0 ? '' : `: ${some.join(', ')}${more}`;
  const known = containers.length === 0 ? 'containers' : `${containers.length} container(s)`;
  const summary = `no slot was free: ${known} are not watched${who}`;
  return {
    detector: 'unwatched',
    severity: 'medium',
    score: 0.5,
    summary,
    subject: 'no-slot',
    techniques: ['T1562'],
    facts: { tries: String(tries), containers: String(containers.length) },
    explanation: `unwatched: ${summary}. Every slot that the setting \`slots\` allows is taken; what these containers do is counted under none, and no rule sees it.`,
    next: 'Raise the setting `slots`, or find what makes so many containers: taking all slots is a way to run one that nobody looks at.',
    flags: false,
    withholds: false,
    bits: 0,
    kind: 'unwatched',
  };
}
