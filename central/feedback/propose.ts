/** From false alarms to the narrowest exceptions that would have covered them. Pure. */
import { createHash } from 'node:crypto';
import type { ExceptionRule } from '../correlate/exception.ts';
import type { Evidence } from '../correlate/incident.ts';

export interface Proposal {
  /** Derived from what it covers, so that the same proposal has the same name. */
  readonly name: string;
  readonly workload: string;
  readonly detector: string;
  readonly facts: Readonly<Record<string, string>>;
  /** It rests on the workload and the detector alone, or on who was at work besides: no fact of what was done would come again. */
  readonly broad: boolean;
}

/** Beyond so many for one workload and detector, they are put together by what they share, where that says what was done. */
const MANY = 10;
/** Beyond so many, whatever they share: 500 are in force at most. */
const MOST = 50;

/** Who was at work, and not what was done: many things are done by the same. */
const CIRCUMSTANCES: ReadonlySet<string> = new Set(['context', 'uid', 'gid', 'parent']);

/** Of one occurrence, not of what is done: they are never the same again. */
const VOLATILE =
  /^(pid|periods|session|pod|pod_waiting|pod_last_end|lowered|excepted|numbers|rollout|args_hash|args_sha256|args_bytes|count|score|bits|lost|share|.*_(ns|ms|bytes|pid))$/;
const NUMBER = /^-?\d+(\.\d+)?( .*)?$/;
const KEPT_NUMBERS = /^(port|uid|gid)$/;
const lasting = ([key, value]: readonly [string, string]): boolean =>
  !VOLATILE.test(key) && value !== '' && (KEPT_NUMBERS.test(key) || !NUMBER.test(value));

type Facts = Readonly<Record<string, string>>;
const lastingOf = (facts: Facts): Facts =>
  Object.fromEntries(
    Object.entries(facts)
      .filter(lasting)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
const shared = (a: Facts, b: Facts): Facts =>
  Object.fromEntries(Object.entries(a).filter(([key, value]) => b[key] === value));
const keyOf = (facts: Facts): string => JSON.stringify(facts);
/** How many facts of them say what was done. */
const deedsIn = (facts: Facts): number => Object.keys(facts).filter((key) => !CIRCUMSTANCES.has(key)).length;

/** Several occurrences become one where each says the same of the same things, or when there are too many. */
function together(all: readonly Facts[]): readonly Facts[] {
  const distinct = [...new Map(all.map((facts) => [keyOf(facts), facts])).values()];
  if (distinct.length <= MANY) return distinct;
  const common = distinct.reduce(shared);
  return deedsIn(common) > 0 || distinct.length > MOST ? [common] : distinct;
}

/** A `*` in a value would be a pattern: it stands for anything then, itself included. */
function named(workload: string, detector: string, facts: Facts): Proposal {
  const digest = createHash('sha256')
    .update(JSON.stringify([workload, detector, facts]))
    .digest('hex');
  return {
    name: `fp-${digest.slice(0, 12)}`,
    workload,
    detector,
    facts,
    broad: deedsIn(facts) === 0,
  };
}

/**
 * `earlier`: other alerts that were called false, of the same workloads. Where the same detector was wrong then with other values
 * of some facts, those facts do not matter, and are left out: narrow, and still what people have said so far.
 */
export function propose(evidence: readonly Evidence[], earlier: readonly Evidence[]): readonly Proposal[] {
  const found = new Map<string, Facts[]>();
  for (const { alert, detections } of evidence) {
    const hits =
      detections.length > 0
        ? detections
        : alert.detectors.map((detector) => ({ detector, facts: {} as Facts }));
    for (const { detector, facts } of hits) {
      const key = JSON.stringify([alert.workload, detector]);
      found.set(key, [...(found.get(key) ?? []), lastingOf(facts)]);
    }
  }
  const before = (workload: string, detector: string): Facts[] =>
    earlier
      .filter(({ alert }) => alert.workload === workload)
      .flatMap(({ detections }) => detections.filter((one) => one.detector === detector))
      .map(({ facts }) => lastingOf(facts));
  return [...found].flatMap(([key, all]) => {
    const [workload = '', detector = ''] = JSON.parse(key) as string[];
    const old = before(workload, detector);
    const widened = all.map((facts) => {
      // Another value of a fact, with more than half of what was done alike, is the same thing done again.
      const alike = old.filter((other) => deedsIn(shared(facts, other)) * 2 > deedsIn(facts));
      return alike.reduce(shared, facts);
    });
    return together(widened).map((facts) => named(workload, detector, facts));
  });
}

export const ruleOf = (
  proposal: Proposal,
  what: { reason: string; expiresMs: number },
): ExceptionRule & { readonly expiresMs: number } => ({
  name: proposal.name,
  workload: proposal.workload,
  detector: proposal.detector,
  facts: proposal.facts,
  ...what,
});
