/**
 * A small supervised model over the detectors' evidence, trained on people's verdicts: logistic regression with weights that
 * are never negative, so that more evidence never ranks an alert lower (a monotone model; the bound is kept by projection
 * after each step of gradient descent). Weights are drawn towards one common weight, not towards zero: with few verdicts
 * the order is that of the evidence itself. It orders; it hides nothing. Pure and deterministic: no clock, no chance.
 */
import { createHash } from 'node:crypto';
import type { Features } from './features.ts';
import type { VerdictKind } from './verdict.ts';

/** Of each kind of verdict, before anything is trained. */
export const LEAST = 10;
/** Detectors with a weight of their own; the rarer ones share one. */
const NAMES = 64;
const OTHER = 'other';
/** Verdicts that a training looks at, newest first. */
export const MOST = 1000;
const STEPS = 300;
const RATE = 0.5;
/** The strength of the pull towards the common weight, in verdicts. */
const PULL = 4;
const FOLDS = 5;

export interface Example extends Features {
  /** What it is about: examples of one subject are never on both sides of a validation. */
  readonly subject: string;
  readonly verdict: VerdictKind;
}
export interface Model {
  /** SHA-256 of the rest, the first 12 hex digits. */
  readonly version: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly bias: number;
  /** The weight that the others were drawn towards. */
  readonly common: number;
  readonly truePositives: number;
  readonly falsePositives: number;
}
/** Chance that a real one is ranked above a false one, by the verdicts that were held back. */
export interface Validation {
  readonly labelFree: number;
  readonly reranked: number;
  readonly folds: number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const isTrue = ({ verdict }: Example): boolean => verdict === 'true-positive';
const round = (value: number): number => Math.round(value * 1e6) / 1e6;

/** Sums of evidence under the names that have a weight. */
function inputOf({ features }: Features, known: (name: string) => boolean): Map<string, number> {
  const input = new Map<string, number>();
  for (const [name, bits] of Object.entries(features)) {
    const key = known(name) ? name : OTHER;
    input.set(key, Math.max(input.get(key) ?? 0, bits));
  }
  return input;
}

function namesOf(examples: readonly Example[]): string[] {
  const counts = new Map<string, number>();
  for (const { features } of examples)
    for (const name of Object.keys(features)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const most = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, NAMES);
  return [...most.map(([name]) => name), OTHER].sort();
}

interface Fit {
  weights: Map<string, number>;
  bias: number;
  common: number;
}

/** Both kinds of verdicts weigh the same in sum, however many there are of each. */
function descend(
  examples: readonly { input: Map<string, number>; target: number; share: number }[],
  names: readonly string[],
): Fit {
  const fit: Fit = { weights: new Map(names.map((name) => [name, 0.1])), bias: -1, common: 0.1 };
  const pull = PULL / Math.max(1, examples.length);
  for (let step = 0; step < STEPS; step += 1) {
    const slope = new Map(names.map((name) => [name, 0]));
    let [biasSlope, rate] = [0, RATE / Math.sqrt(1 + step / 20)];
    for (const { input, target, share } of examples) {
      let sum = fit.bias;
      for (const [name, bits] of input) sum += (fit.weights.get(name) ?? 0) * bits;
      const miss = (sigmoid(sum) - target) * share;
      biasSlope += miss;
      for (const [name, bits] of input) slope.set(name, (slope.get(name) ?? 0) + miss * bits);
    }
    rate /= 10;
    fit.bias -= rate * 10 * biasSlope;
    let total = 0;
    for (const [name, weight] of fit.weights) {
      const next = Math.max(0, weight - rate * ((slope.get(name) ?? 0) + pull * (weight - fit.common)));
      fit.weights.set(name, next);
      total += next;
    }
    fit.common = total / names.length;
  }
  return fit;
}

function fitOf(examples: readonly Example[]): { fit: Fit; names: readonly string[] } {
  const names = namesOf(examples);
  const known = new Set(names);
  const real = examples.filter(isTrue).length;
  const rows = examples.map((one) => ({
    input: inputOf(one, (name) => known.has(name)),
    target: isTrue(one) ? 1 : 0,
    share: isTrue(one) ? 0.5 / Math.max(1, real) : 0.5 / Math.max(1, examples.length - real),
  }));
  return { fit: descend(rows, names), names };
}

/** null: too few verdicts of one kind. The same verdicts in any order give the same model. */
export function train(given: readonly Example[]): Model | null {
  const examples = [...given].sort((a, b) => (a.subject < b.subject ? -1 : 1)).slice(0, MOST);
  const truePositives = examples.filter(isTrue).length;
  const falsePositives = examples.length - truePositives;
  if (truePositives < LEAST || falsePositives < LEAST) return null;
  const { fit, names } = fitOf(examples);
  const body = {
    weights: Object.fromEntries(names.map((name) => [name, round(fit.weights.get(name) ?? 0)])),
    bias: round(fit.bias),
    common: round(fit.common),
    truePositives,
    falsePositives,
  };
  const version = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 12);
  return { version, ...body };
}

/** 0 to 1, high is likely real. A detector that the model never met counts as the others that are rare. */
export function rank(model: Pick<Model, 'weights' | 'bias' | 'common'>, features: Features): number {
  let sum = model.bias;
  for (const [name, bits] of inputOf(features, (one) => Object.hasOwn(model.weights, one)))
    sum += (model.weights[name] ?? model.common) * bits;
  return Math.round(sigmoid(sum) * 1000) / 1000;
}

/** Of all pairs of a real and a false one, how many are in order; halves for ties. */
export function auc(scored: readonly { score: number; real: boolean }[]): number {
  const [real, false_] = [scored.filter((one) => one.real), scored.filter((one) => !one.real)];
  let right = 0;
  for (const a of real)
    for (const b of false_) right += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0;
  return round(right / Math.max(1, real.length * false_.length));
}

const foldOf = (subject: string): number =>
  createHash('sha256').update(subject).digest().readUInt32BE(0) % FOLDS;

/** Each fifth of the verdicts is ranked by a model of the others; null: too few. */
export function validate(examples: readonly Example[]): Validation | null {
  const scored: { score: number; free: number; real: boolean }[] = [];
  for (let fold = 0; fold < FOLDS; fold += 1) {
    const held = examples.filter(({ subject }) => foldOf(subject) === fold);
    const rest = examples.filter(({ subject }) => foldOf(subject) !== fold);
    if (held.length === 0 || !rest.some(isTrue) || rest.every(isTrue)) continue;
    const { fit } = fitOf(rest);
    const model = { weights: Object.fromEntries(fit.weights), bias: fit.bias, common: fit.common };
    for (const one of held) scored.push({ score: rank(model, one), free: one.confidence, real: isTrue(one) });
  }
  const real = scored.filter((one) => one.real).length;
  if (real < LEAST || scored.length - real < LEAST) return null;
  return {
    labelFree: auc(scored.map(({ free, real: is }) => ({ score: free, real: is }))),
    reranked: auc(scored),
    folds: FOLDS,
  };
}
