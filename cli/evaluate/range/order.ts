/**
 * In which order a person would be shown what a range's detections add up to, real ones first: by their evidence alone, with
 * the prior over facts, and by the re-ranking that learns from verdicts. Verdicts are the range's labels: what belongs to an
 * attack is real, what belongs to none is a false alarm; of each recording, the re-ranking learns the verdicts of the others.
 */
import { bitsOf } from '../../../central/feedback/features.ts';
import { type Example, rank, train } from '../../../central/feedback/reranking.ts';
import { auc } from '../figures.ts';
import { type FactPrior, priorBits } from './fact-prior.ts';
import type { Scored, Told } from './score.ts';

/** Detections of one container so near each other are shown as one. */
const TOGETHER_S = 60;

export interface Shown {
  readonly example: Example;
  /** Of its facts the one that speaks most for an attack, bits; 0 without facts. */
  readonly prior: number;
}

export interface Ordered {
  readonly real: number;
  readonly ordinary: number;
  /** Chance that a real one stands before a false one. */
  readonly labelFree: number;
  readonly withPrior: number;
  /** NaN where the others have too few verdicts. */
  readonly reranked: number;
}

function shownOf(subject: string, told: readonly Told[], real: boolean, prior: FactPrior): Shown {
  const features: Record<string, number> = {};
  for (const { detectors, score } of told)
    for (const detector of detectors) features[detector] = Math.max(features[detector] ?? 0, bitsOf(score));
  const doubt = Object.values(features).reduce((product, bits) => product * 2 ** -bits, 1);
  const facts = told.map(({ fact }) => fact).filter((fact) => fact !== '');
  return {
    example: { subject, verdict: real ? 'true-positive' : 'false-positive', features, confidence: 1 - doubt },
    prior: facts.length === 0 ? 0 : Math.max(...facts.map((fact) => priorBits(prior, fact))),
  };
}

/** What is shown of one recording: each attack that was seen, and what was told of each container within a minute. */
export function shownIn({ judged, falseAlerts }: Scored, run: string, prior: FactPrior): Shown[] {
  const groups = new Map<string, Told[]>();
  for (const { told } of falseAlerts) {
    const key = `${run}/${told.container}/${Math.floor(told.time / TOGETHER_S)}`;
    groups.set(key, [...(groups.get(key) ?? []), told]);
  }
  const attacks = judged.filter(({ hits }) => hits.length > 0);
  return [
    ...attacks.map(({ hits }, i) => shownOf(`${run}/attack ${i}`, hits, true, prior)),
    ...[...groups].map(([key, told]) => shownOf(key, told, false, prior)),
  ];
}

const evidenceOf = ({ example }: Shown): number =>
  Object.values(example.features).reduce((sum, bits) => sum + bits, 0);

/** One row a recording, in their order. */
export function orderOf(runs: readonly (readonly Shown[])[]): Ordered[] {
  return runs.map((own, i) => {
    const others = runs.flatMap((shown, j) => (j === i ? [] : shown));
    const model = train(others.map(({ example }) => example));
    const [real, ordinary] = [true, false].map((wanted) =>
      own.filter(({ example }) => (example.verdict === 'true-positive') === wanted),
    );
    const by = (score: (shown: Shown) => number): number =>
      auc((ordinary ?? []).map(score), (real ?? []).map(score));
    return {
      real: real?.length ?? 0,
      ordinary: ordinary?.length ?? 0,
      labelFree: by(evidenceOf),
      withPrior: by((shown) => evidenceOf(shown) + shown.prior),
      reranked: model === null ? Number.NaN : by(({ example }) => rank(model, example)),
    };
  });
}
