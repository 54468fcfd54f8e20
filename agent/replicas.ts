/**
 * The live containers of each workload side by side: what each did of late, and how far it is from the others. Siblings run one
 * image: while two versions run side by side, each is compared with its own, and one that is alone with nobody.
 */
import type { Verdict } from './alerts/judge.ts';
import { judgeReplica, REPLICA } from './alerts/replica.ts';
import { type Fact, type FactKind, factKey } from './features/fact.ts';
import { ROW_FEATURES, rowOf, showFeature } from './features/shape-row.ts';
import type { Window } from './features/window.ts';
import type { Baseline } from './models/baseline.ts';
import { bitsOfReplica, type Comparison } from './models/replica/replica.ts';
import type { Judging, WindowDetector } from './window-detector.ts';

/** Containers compared of one workload, and facts kept of each; further ones are not looked at. */
const MAX_MEMBERS = 64;
const MAX_FACTS = 256;
const MAX_WORKLOADS = 2048;
/** Of a window, in the mean of those before: half is forgotten in 40 s. */
const RATE = 1 / 12;
/** Windows of its own before a container is compared, and is a sibling. */
const ENOUGH_WINDOWS = 12;
/** Who was not heard of for so long is no sibling, and for so long a fact is of late. */
const GONE_NS = 30_000_000_000n;
const LATE_NS = 600_000_000_000n;
/** Largest differences that are averaged. */
const LARGEST = 3;
/** From there on it is told and not learnt but one time in so many; again only after so long. */
const TOLD_BITS = 8;
const GUARD_SHARE = 10;
const AGAIN_NS = 300_000_000_000n;
/** Comparisons that are not learnt yet: two minutes of windows of 5 s. */
const PENDING = 24;
/** What an intruder cannot do without, and what siblings of one image do all the same. */
const COMPARED: ReadonlySet<FactKind> = new Set(['exec', 'file', 'connect', 'listen', 'capability']);

/** Periods in which it was seen. */
const KNOWN = 2;

type Known = Pick<Baseline, 'workload' | 'seen'>;

/** A container, and the version of its image. */
export interface Whose {
  readonly key: string;
  readonly version: string;
}

interface Member {
  /** Digest of its image; empty: not known, and taken for that of any other. */
  version: string;
  readonly row: Float64Array;
  windows: number;
  lastNs: bigint;
  readonly facts: Map<string, { readonly fact: Fact; readonly lastNs: bigint }>;
}

export class Replicas {
  readonly #workloads = new Map<string, Map<string, Member>>();

  /** One more window of a container, of that version of the image. */
  note(workload: string, { key: container, version }: Whose, window: Window): void {
    const members = this.#workloads.get(workload) ?? new Map<string, Member>();
    for (const [key, { lastNs }] of members) if (window.endNs - lastNs > LATE_NS) members.delete(key);
    if (!this.#workloads.has(workload) && this.#workloads.size >= MAX_WORKLOADS) return;
    this.#workloads.set(workload, members);
    const member = members.get(container) ?? newMember();
    if (!members.has(container) && members.size >= MAX_MEMBERS) return;
    members.set(container, member);
    member.version = version;
    member.windows += 1;
    member.lastNs = window.endNs;
    const rate = Math.max(RATE, 1 / member.windows);
    rowOf(window).forEach((value, i) => {
      if (!Number.isNaN(value)) member.row[i] = (member.row[i] ?? 0) + rate * (value - (member.row[i] ?? 0));
    });
    for (const fact of window.facts) if (COMPARED.has(fact.kind)) noteFact(member, fact, window.endNs);
  }

  forget(workload: string, container: string): void {
    const members = this.#workloads.get(workload);
    members?.delete(container);
    if (members?.size === 0) this.#workloads.delete(workload);
  }

  /** Null when there is nobody to compare it with. What the workload is known to do any of them may do. */
  compare(baseline: Known, container: string, nowNs: bigint): Comparison | null {
    const members = this.#workloads.get(baseline.workload) ?? new Map<string, Member>();
    const own = members.get(container);
    if (own === undefined || own.windows < ENOUGH_WINDOWS) return null;
    const siblings = [...members]
      .filter(
        ([key, { windows, lastNs, version }]) =>
          key !== container &&
          windows >= ENOUGH_WINDOWS &&
          nowNs - lastNs < GONE_NS &&
          isSame(version, own.version),
      )
      .map(([, member]) => member);
    if (siblings.length === 0) return null;
    const differences = differencesOf(own, siblings);
    const alone = [...own.facts]
      .filter(([key]) => !siblings.some(({ facts }) => facts.has(key)))
      .filter(([, { fact, lastNs }]) => nowNs - lastNs < LATE_NS && baseline.seen(fact) < KNOWN)
      .map(([key]) => key);
    const octaves = differences.reduce((sum, { octaves: each }) => sum + Math.abs(each), 0) / LARGEST;
    const numbers = mayBeOdd(differences, siblings.length) ? octaves : 0;
    const wherein = [...alone.map((fact) => `only it: ${fact}`), ...differences.map(({ text }) => text)];
    return { siblings: siblings.length, numbers, facts: alone.length, wherein };
  }
}

const isSame = (a: string, b: string): boolean => a === b || a === '' || b === '';

/** Of two containers that differ either may be the odd one: it is the one that does more. */
const mayBeOdd = (differences: readonly Difference[], siblings: number): boolean =>
  siblings > 1 || differences.reduce((sum, { octaves }) => sum + octaves, 0) > 0;

interface Difference {
  readonly octaves: number;
  readonly text: string;
}

/** The largest, to the median of the siblings. */
function differencesOf(own: Member, siblings: readonly Member[]): Difference[] {
  return ROW_FEATURES.map((name, i) => {
    const median = medianOf(siblings.map(({ row }) => row[i] ?? 0));
    const value = own.row[i] ?? 0;
    const text = `${name} ${showFeature(name, value)}, siblings ${showFeature(name, median)}`;
    return { octaves: (value - median) / Math.LN2, text };
  })
    .toSorted((a, b) => Math.abs(b.octaves) - Math.abs(a.octaves))
    .slice(0, LARGEST);
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}

const newMember = (): Member => ({
  version: '',
  row: new Float64Array(ROW_FEATURES.length),
  windows: 0,
  lastNs: 0n,
  facts: new Map(),
});

function noteFact({ facts }: Member, fact: Fact, nowNs: bigint): void {
  const key = factKey(fact);
  facts.delete(key);
  facts.set(key, { fact, lastNs: nowNs });
  const [oldest] = facts.keys();
  if (facts.size > MAX_FACTS && oldest !== undefined) facts.delete(oldest);
}

/** One container among its siblings, at the end of its windows. */
export class ReplicaWindow implements WindowDetector {
  readonly name = REPLICA;
  readonly #replicas: Replicas;
  #comparison: Comparison | null = null;
  bits: number | null = null;
  #toldNs: bigint | null = null;
  #withheld = 0;
  #pending: Comparison[] = [];

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
  }

  end(window: Window, { baseline, container, steps, host }: Judging): Verdict[] {
    const { workload } = baseline;
    const key = `${container.id} ${container.cgroup}`;
    if (host || !window.complete) return [];
    this.#replicas.note(workload, { key, version: container.identity.imageDigest }, window);
    const comparison = this.#replicas.compare(baseline, key, window.endNs);
    this.#comparison = comparison;
    const score = comparison === null ? null : baseline.replica.score(comparison);
    if (comparison === null || score === null || score.state === 'unknown') return [];
    const bits = bitsOfReplica(score.score);
    this.bits = bits;
    if (bits < TOLD_BITS || (this.#toldNs !== null && window.endNs - this.#toldNs < AGAIN_NS)) return [];
    this.#toldNs = window.endNs;
    return [judgeReplica({ score, bits, siblings: comparison.siblings, workload, steps })];
  }

  settle(baseline: Baseline, clean: boolean): null {
    const [comparison, bits] = [this.#comparison, this.bits ?? 0];
    this.#comparison = null;
    this.bits = null;
    if (comparison === null || !clean || baseline.pinned) return null;
    // What led to something strange is as strange: means rise slowly.
    if (bits >= TOLD_BITS) this.#pending = [];
    if (bits >= TOLD_BITS) this.#withheld += 1;
    if (bits < TOLD_BITS || this.#withheld % GUARD_SHARE === 0) this.#pending.push(comparison);
    const oldest = this.#pending.length > PENDING ? this.#pending.shift() : undefined;
    if (oldest !== undefined) baseline.replica.learn(oldest);
    return null;
  }
}
