/** Verdicts on what lies outside everything learnt: one for a workload, in place of one for each thing that it does. */
import { FACT_KINDS, type Fact, type FactKind } from '../features/fact.ts';
import type { Container } from '../identity/container.ts';
import type { Verdict } from './judge.ts';

export const UNKNOWN = 'unknown-workload';

/** What a container did that says what it is. */
const SAYING: ReadonlySet<FactKind> = new Set(['exec', 'connect', 'accept', 'listen', 'file']);
/** Of these at most so many are compared with other workloads and told, each cut to a length that a line bears. */
export const MAX_DEEDS = 16;
const MAX_LENGTH = 128;

export interface Stranger {
  readonly container: Container;
  /** Of its own, since it began. */
  readonly facts: readonly Fact[];
  /** Seconds since it began. */
  readonly seconds: number;
}

/** No container of that name was ever seen here. */
export interface Newcomer extends Stranger {
  /** Another workload of the node that has the same image, or empty. */
  readonly imageOf: string;
  /** Of its deeds, those that other workloads of the node are known for. */
  readonly usual: number;
  /** It is a run of a job. */
  readonly job: boolean;
  /** Peers, names, watched files and doors of its, of which no other workload of the node is known. */
  readonly reached: readonly Fact[];
  /** Told as alerts within the last day, and how many of them make newcomers usual here. */
  readonly today: number;
  readonly mostToday: number;
  /** Workloads of the node whose learning is over, and all others. */
  readonly mature: number;
  readonly young: number;
  /** Windows until it is judged, and until it counts as known. */
  readonly learnWindows: number;
  readonly matureWindows: number;
}

/** A container that began with nothing of what its workload is known for. */
export interface Unlike extends Stranger {
  /** Facts that are new for the workload, and those that are not. */
  readonly fresh: number;
  readonly known: number;
  readonly starts: number;
  /** It was told of another container of the workload within the last day. */
  readonly again: boolean;
  readonly seconds: number;
  readonly foldedMinutes: number;
}

/** What it did that says most, in the order of kinds. */
export const deedsOf = (facts: readonly Fact[]): Fact[] =>
  facts
    .filter(({ kind }) => SAYING.has(kind))
    .toSorted((a, b) => FACT_KINDS.indexOf(a.kind) - FACT_KINDS.indexOf(b.kind))
    .slice(0, MAX_DEEDS);

const textOf = (deeds: readonly Fact[]): string =>
  deeds.map(({ kind, value }) => `${kind} ${value.slice(0, MAX_LENGTH)}`).join('; ');

const common = (subject: string) =>
  ({
    detector: UNKNOWN,
    subject,
    techniques: ['T1610'],
    flags: false,
    withholds: false,
    bits: 0,
    kind: UNKNOWN,
  }) as const;

/** Why a newcomer alerts nobody, or empty. */
function lowering({ imageOf, job, reached, today, mostToday }: Newcomer): string {
  if (imageOf !== '') return `Lowered: its image is known here, of ${imageOf}.`;
  if (job && reached.length === 0)
    return 'Lowered: jobs begin anew on whichever node has room, and this one reaches nothing that no other workload here does; it is looked at again until it is learnt.';
  if (today < mostToday) return '';
  return `Lowered: newcomers are usual on this node, ${today} were told within a day.`;
}

/** The one verdict on a workload that was never seen, on a node that knows its own. */
export function judgeNewcomer(newcomer: Newcomer): Verdict {
  const { container, facts, seconds, usual, mature, young, learnWindows, matureWindows, job, reached } =
    newcomer;
  const { workload, image, imageDigest } = container.identity;
  const deeds = deedsOf(facts);
  const did = textOf(deeds);
  const lowered = lowering(newcomer);
  const named = image === '' ? 'an image that nobody named' : image;
  return {
    ...common(workload),
    severity: lowered === '' ? 'medium' : 'low',
    score: lowered === '' ? 0.6 : 0.3,
    summary: `a workload never seen on this node: ${workload}`,
    facts: {
      image,
      ...(imageDigest === '' ? {} : { digest: imageDigest }),
      ...(did === '' ? {} : { did }),
      usual: `${usual} of ${deeds.length}`,
      ...(job && reached.length > 0 ? { reached: textOf(reached.slice(0, MAX_DEEDS)) } : {}),
      ...(lowered === '' ? {} : { lowered }),
    },
    explanation:
      `${UNKNOWN}: no container of ${workload} was ever seen on this node, where ${mature} of ${mature + young} workloads are known well. ` +
      `It runs ${named}; in its first ${Math.round(seconds)} s: ${did === '' ? 'nothing that says what it is' : did}. ` +
      `${usual} of these ${deeds.length} are known of other workloads here. It is learnt from now on: rules alert at once; what is new in it is told ` +
      `after ${learnWindows} windows and counts half until ${matureWindows}; until then it vouches for no other workload.${lowered === '' ? '' : ` ${lowered}`}`,
    next: 'Ask who deployed it; delete it or cut it off if nobody did.',
  };
}

/** The one verdict on a container that has nothing in common with its workload. */
export function judgeUnlike(unlike: Unlike): Verdict {
  const { container, facts, seconds, fresh, known, starts, again, foldedMinutes } = unlike;
  const { workload, image } = container.identity;
  const did = textOf(deedsOf(facts));
  const lowered = again ? 'Lowered: it was told of another container of the workload within a day.' : '';
  const stands = again
    ? `What is new in it is told and weighed by itself. ${lowered}`
    : `For ${foldedMinutes} min what is merely new in it stands under this one verdict and is not learnt but by quorum; rules alert at once.`;
  return {
    ...common(`${workload} ${container.id}`),
    severity: again ? 'low' : 'medium',
    score: again ? 0.3 : 0.8,
    summary: `a container of ${workload} has nothing in common with what the workload is known for`,
    facts: { image, did, fresh: String(fresh), known: String(known), ...(again ? { lowered } : {}) },
    explanation:
      `${UNKNOWN}: in its first ${Math.round(seconds)} s a container of ${workload} did ${fresh} things that none of ${starts} starts of it and no steady window had, ` +
      `and ${known} that they had: ${did}. ${stands}`,
    next: 'Compare its image and command with those of the workload: it is another program under a known name.',
  };
}
