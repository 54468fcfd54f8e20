/** Keeps the re-ranking model: trained anew with verdicts, versioned, chosen by a person. */
import type { Step } from '../respond/execute.ts';
import type { Features } from './features.ts';
import {
  type Example,
  LEAST,
  MOST,
  type Model,
  rank,
  train,
  type Validation,
  validate,
} from './reranking.ts';
import type { Verdict } from './verdict.ts';

/** Versions that can be gone back to. */
export const KEPT = 20;

export interface KeptModel {
  readonly model: Model;
  readonly madeMs: number;
}
export interface RerankerStore {
  save(kept: KeptModel): Promise<void>;
  /** Newest first. */
  models(most: number): Promise<readonly KeptModel[]>;
  /** `latest`, `off`, or a version. */
  choice(): Promise<string>;
  choose(choice: string, by: { actor: string; atMs: number }): Promise<void>;
}
interface Transaction {
  readonly reranker: RerankerStore;
  readonly feedback: { verdicts(most: number): Promise<readonly Verdict[]> };
  readonly steps: { append(step: Step): Promise<void> };
}
export interface RerankerParts {
  readonly store: { transaction<T>(work: (parts: Transaction) => Promise<T>): Promise<T> };
  readonly nowMs: () => number;
}
export interface RerankingView {
  readonly choice: string;
  /** Version, or null: incidents have no rank. */
  readonly inForce: string | null;
  readonly verdicts: {
    readonly truePositives: number;
    readonly falsePositives: number;
    readonly least: number;
  };
  readonly models: readonly KeptModel[];
  /** Of held-back verdicts, beside the order that needs no verdicts; null: too few. */
  readonly validation: Validation | null;
}
export interface Reranker {
  /** 0 to 1, high is likely real; null: no model is in force. */
  rank(features: Features): number | null;
  /** After verdicts, and at start. */
  update(): Promise<void>;
  view(): Promise<RerankingView>;
  /** false: no such version. */
  choose(choice: string, actor: string): Promise<boolean>;
}

/** The last verdict on each subject. */
function examplesOf(verdicts: readonly Verdict[]): Example[] {
  const latest = new Map<string, Example>();
  for (const { subject, verdict, features, confidence } of verdicts)
    if (!latest.has(subject.id))
      latest.set(subject.id, { subject: subject.id, verdict, features, confidence });
  return [...latest.values()];
}

export function createReranker({ store, nowMs }: RerankerParts): Reranker {
  let inForce: Model | null = null;
  /** Of the verdicts that it was computed from: it takes a second at worst, and is asked for by people. */
  let validated: { of: string; result: Validation | null } | null = null;

  const pick = (choice: string, models: readonly KeptModel[]): Model | null => {
    if (choice === 'off') return null;
    const found = choice === 'latest' ? models[0] : models.find(({ model }) => model.version === choice);
    return found?.model ?? null;
  };
  return {
    rank: (features) => (inForce === null ? null : rank(inForce, features)),
    update: () =>
      store.transaction(async ({ reranker, feedback }) => {
        const trained = train(examplesOf(await feedback.verdicts(MOST)));
        const [newest] = await reranker.models(1);
        if (trained !== null && trained.version !== newest?.model.version)
          await reranker.save({ model: trained, madeMs: nowMs() });
        inForce = pick(await reranker.choice(), await reranker.models(KEPT));
      }),
    view: () =>
      store.transaction(async ({ reranker, feedback }) => {
        const examples = examplesOf(await feedback.verdicts(MOST));
        const truePositives = examples.filter(({ verdict }) => verdict === 'true-positive').length;
        const of = JSON.stringify(examples.map(({ subject, verdict }) => [subject, verdict]));
        if (validated?.of !== of) validated = { of, result: validate(examples) };
        return {
          choice: await reranker.choice(),
          inForce: inForce?.version ?? null,
          verdicts: { truePositives, falsePositives: examples.length - truePositives, least: LEAST },
          models: await reranker.models(KEPT),
          validation: validated.result,
        };
      }),
    choose: (choice, actor) =>
      store.transaction(async ({ reranker, steps }) => {
        const models = await reranker.models(KEPT);
        const known = choice === 'off' || choice === 'latest';
        if (!known && !models.some(({ model }) => model.version === choice)) return false;
        const atMs = nowMs();
        await reranker.choose(choice, { actor, atMs });
        const text = `re-ranking: ${choice}`;
        await steps.append({ atMs, actor, action: 'rerank', incident: '', order: '', text });
        inForce = pick(choice, models);
        return true;
      }),
  };
}
