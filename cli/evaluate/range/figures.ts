/** From scored runs to the figures that are promised: found of how many, how soon, with what evidence, and false alerts an hour. */
import { countBound, shareInterval } from './bounds.ts';
import { type Caused, causesOf, type Promised, promisedOf } from './causes.ts';
import { isNameable, type Judged, namesIt, type Scored, type Told } from './score.ts';

export interface Found {
  readonly name: string;
  readonly attacks: number;
  readonly found: number;
  /** Clopper-Pearson, 95 %. */
  readonly interval: readonly [number, number];
  /** Of the found, those where a process or peer of the attack is named. */
  readonly named: number;
  /** Found, and the label has nothing to compare names with: among those not named. */
  readonly nameless: number;
  /** Of the found, those told before the attack was over. */
  readonly inTime: number;
  /** From the attack's start to when it was told, s; null: none was found. */
  readonly median: number | null;
  readonly p95: number | null;
}

export interface Figures {
  readonly overall: Found;
  readonly variants: readonly Found[];
  readonly attacks: readonly Found[];
  readonly falseAlerts: number;
  /** Of these, later lines of alerts that were first told about an attack. */
  readonly late: number;
  readonly containerHours: number;
  /** Upper bound of false alerts an hour, one-sided 95 %, Poisson. */
  readonly bound: number;
  /** What they were about, the most frequent first. */
  readonly falseBy: readonly { readonly what: string; readonly count: number }[];
  /** The promise on what stands on evidence alone, and what became of it in the same hours. */
  readonly promise: Promised;
  readonly neutral: number;
  readonly elsewhere: number;
}

export interface RunScored {
  readonly scored: Scored;
  /** By the detections of the same run: an alert leads to the processes and peers that its detections name. */
  readonly evidence: Scored;
  readonly detections: readonly Told[];
  /** Container-hours of the promise under which the run was made; null: not known. */
  readonly budgetHours: number | null;
}

/** The clocks of range and agent agree to this, s. */
const IN_TIME_S = 0.5;

function quantile(sorted: readonly number[], share: number): number | null {
  if (sorted.length === 0) return null;
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

/** Seconds until the first of what was told, or null. */
export function delayOf({ label, hits }: Judged): number | null {
  if (hits.length === 0) return null;
  const first = Math.min(...hits.map(({ at }) => at));
  return Math.max(0, first - label.start);
}

function foundOf(name: string, judged: readonly Judged[], evidence: (attack: Judged) => boolean): Found {
  const found = judged.filter(({ hits }) => hits.length > 0);
  const delays = found.map((attack) => delayOf(attack) ?? 0).toSorted((a, b) => a - b);
  return {
    name,
    attacks: judged.length,
    found: found.length,
    interval: shareInterval(found.length, judged.length),
    named: found.filter(evidence).length,
    nameless: found.filter((attack) => !isNameable(attack.label) && !evidence(attack)).length,
    inTime: found.filter((a) => (delayOf(a) ?? 0) <= a.label.end - a.label.start + IN_TIME_S).length,
    median: quantile(delays, 0.5),
    p95: quantile(delays, 0.95),
  };
}

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

const falseKey = ({ line: { told, container, action }, by, late }: Caused): string =>
  [
    container?.workload ?? '?',
    action ?? 'steady load',
    told.detectors.join('+'),
    told.summary,
    ...(by === '' ? [] : [`by ${by}`]),
    ...(late ? ['of an alert about an attack'] : []),
  ].join(' · ');

/** The strictest of the runs. */
function budgetOf(runs: readonly RunScored[]): number | null {
  const known = runs.flatMap(({ budgetHours }) => (budgetHours === null ? [] : [budgetHours]));
  return known.length === 0 ? null : Math.max(...known);
}

export function figuresOf(runs: readonly RunScored[]): Figures {
  const judged = runs.flatMap(({ scored }) => scored.judged);
  const details = new Map(
    runs.flatMap(({ evidence }) => evidence.judged.map((attack) => [attack.label, attack.hits] as const)),
  );
  const isNamed = ({ label, hits }: Judged): boolean => {
    const alerts = new Set(hits.map(({ alert }) => alert));
    const told = [...hits, ...(details.get(label) ?? []).filter(({ alert }) => alerts.has(alert))];
    return told.some((one) => namesIt(label, one));
  };
  const found = (name: string, some: readonly Judged[]): Found => foundOf(name, some, isNamed);
  const caused = runs.flatMap(({ scored, detections }) => causesOf(scored, detections));
  const containerHours = runs.reduce((sum, { scored }) => sum + scored.containerHours, 0);
  return {
    overall: found('all', judged),
    variants: grouped(judged, ({ label }) => label.variant).map(([name, some]) => found(name, some)),
    attacks: grouped(judged, ({ label }) => label.name).map(([name, some]) => found(name, some)),
    falseAlerts: caused.length,
    late: caused.filter(({ late }) => late).length,
    containerHours,
    bound: countBound(caused.length) / containerHours,
    falseBy: grouped(caused, falseKey)
      .map(([what, some]) => ({ what, count: some.length }))
      .toSorted((a, b) => b.count - a.count),
    promise: promisedOf(caused, budgetOf(runs)),
    neutral: runs.reduce((sum, { scored }) => sum + scored.neutral, 0),
    elsewhere: runs.reduce((sum, { scored }) => sum + scored.elsewhere, 0),
  };
}
