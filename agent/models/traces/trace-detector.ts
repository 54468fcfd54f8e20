/**
 * How strange a run of system calls is for a workload: many views (views.ts), each compared with what normal traces
 * look like to models that have not learnt them (cross-fitting, in five parts), fused into one score (fuse.ts), whose
 * chance comes from the same held-out traces (tail.ts). What lies outside everything learnt is told apart: *unknown*.
 *
 * Learning only keeps the trace; the models are built when the next one is judged, in seconds for 400,000 calls.
 */
import type { Detector, Part, Score } from '../detector.ts';
import { Alphabet } from './alphabet.ts';
import { type Fused, Fusion, type Looked } from './fuse.ts';
import { MOST_BYTES, Sample, type Trace } from './sample.ts';
import { Tail } from './tail.ts';
import { UnknownBehaviour } from './unknown.ts';
import { traitsOf, type Unit, VIEWS, Views } from './views.ts';

export interface TraceVerdict {
  /** High is strange; no upper end. */
  readonly score: number;
  /** Chance of such a score, or more, for a normal trace. */
  readonly p: number;
  /** −log2 p. */
  readonly bits: number;
  /** Outside everything learnt. */
  readonly unknown: boolean;
  /** Squashed spreads above the usual, per view. */
  readonly by: readonly number[];
}

/** Parts of the training traces, each looked at by models of the others. */
const FOLDS = 5;
/**
 * A score must be rare among all held-out traces and among so many of them most alike in length and variety (localized
 * conformal prediction: L. Guan, Biometrika 2023): the larger chance counts. Enough to tell one in a hundred.
 */
const TAIL_TRACES = 200;
/** Fewer held-out traces give no chance worth a verdict. */
const LEAST_TRACES = 20;

interface Built {
  readonly alphabet: Alphabet;
  readonly views: Views;
  readonly fusion: Fusion;
  /** Of the held-out traces, in their order; null where it was unknown behaviour. */
  readonly scores: readonly (number | null)[];
  readonly tail: Tail;
  readonly unknown: UnknownBehaviour;
}

export class TraceDetector implements Detector<Trace> {
  readonly name = 'traces';
  readonly maxBytes = MOST_BYTES;
  readonly #sample = new Sample();
  readonly #seed: number;
  #built: Built | null = null;

  /** `seed` decides which traces share a fold. */
  constructor(seed = 1) {
    this.#seed = seed;
  }

  learn(trace: Trace): void {
    if (trace.calls.length === 0) return;
    this.#sample.add(trace);
    this.#built = null;
  }

  score(trace: Trace): Score {
    const held = this.#sample.traces.length;
    if (held < LEAST_TRACES) return { state: 'unknown', reason: `${held} of ${LEAST_TRACES} traces learnt` };
    if (trace.calls.length === 0) return { state: 'unknown', reason: 'no calls' };
    const verdict = this.judge(trace);
    return {
      state: 'scored',
      score: 1 - verdict.p,
      reason: reasonOf(verdict, held),
      parts: partsOf(verdict),
    };
  }

  /** @throws Error before it has learnt anything. */
  judge(trace: Trace): TraceVerdict {
    const { alphabet, views, fusion, scores, tail, unknown } = this.#build();
    const unit = { calls: alphabet.read(trace.calls), facts: trace.facts ?? null };
    const looked = { views: views.look(unit), traits: traitsOf(unit) };
    const { score, by } = fusion.score(looked);
    const alike = [...fusion.alike(looked.traits, TAIL_TRACES)].map((at) => scores[at] ?? null);
    const p = Math.max(tail.chance(score).p, tailOf(alike).chance(score).p);
    return { score, p, bits: -Math.log2(p), unknown: unknown.is(looked), by };
  }

  save(): unknown {
    this.#sample.shrink();
    return this.#sample.save();
  }

  load(saved: unknown): void {
    this.#sample.load(saved);
    this.#built = null;
  }

  #build(): Built {
    if (this.#built !== null) return this.#built;
    this.#sample.shrink();
    const { traces } = this.#sample;
    if (traces.length === 0) throw new Error('no trace was learnt');
    const alphabet = new Alphabet();
    const units = traces.map(({ calls, facts }) => ({ calls: alphabet.learn(calls), facts: facts ?? null }));
    const looked = crossFit(units, foldsOf(traces, this.#seed), alphabet.size);
    const views = new Views(units, alphabet.size);
    const fusion = new Fusion(looked, views.knowsArguments);
    const unknown = new UnknownBehaviour(looked);
    // Unknown behaviour has a verdict of its own; a chance is one among the others.
    const scores = looked.map((one, at) => (unknown.is(one) ? null : fusion.score(one, at).score));
    this.#built = { alphabet, views, fusion, scores, tail: tailOf(scores), unknown };
    return this.#built;
  }
}

const tailOf = (scores: readonly (number | null)[]): Tail =>
  new Tail(scores.filter((score) => score !== null));

const EMPTY = new Float64Array(0);

/** Groups, in the order they came, go to the folds in turn by a hash; a trace without group is one. */
function foldsOf(traces: readonly Trace[], seed: number): number[] {
  const groups = new Map<string, number>();
  traces.forEach(({ group }, at) => {
    const key = group ?? `#${at}`;
    if (!groups.has(key)) groups.set(key, groups.size);
  });
  const few = groups.size < 10 * FOLDS;
  return traces.map(({ group }, at) => {
    const number = groups.get(group ?? `#${at}`) ?? 0;
    // With few groups a hash leaves folds empty.
    return few ? number % FOLDS : mix(number + 1 + Math.imul(seed, 0x85eb_ca6b)) % FOLDS;
  });
}

function mix(value: number): number {
  const hash = Math.imul(value ^ (value >>> 15), 0x9e37_79b1);
  return (hash ^ (hash >>> 13)) >>> 8;
}

function crossFit(units: readonly Unit[], folds: readonly number[], alphabet: number): Looked[] {
  const looked: Looked[] = units.map((unit) => ({ views: EMPTY, traits: traitsOf(unit) }));
  for (let fold = 0; fold < FOLDS; fold++) {
    const others = new Views(
      units.filter((_, at) => folds[at] !== fold),
      alphabet,
    );
    units.forEach((unit, at) => {
      if (folds[at] === fold) looked[at] = { views: others.look(unit), traits: traitsOf(unit) };
    });
  }
  return looked;
}

function partsOf({ by }: Fused): Part[] {
  const total = by.reduce((sum, value) => sum + Math.max(0, value), 0);
  return VIEWS.slice(0, by.length)
    .map(({ says }, at) => ({
      what: says,
      share: Math.max(0, by[at] ?? 0) / Math.max(total, Number.MIN_VALUE),
    }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share);
}

function reasonOf({ p, unknown }: TraceVerdict, held: number): string {
  const chance = `a normal trace of this workload is so strange with chance ${p.toPrecision(2)}, by ${held} traces`;
  return unknown ? `unlike anything learnt; ${chance}` : chance;
}
