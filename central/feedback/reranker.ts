/**
 * Keeps the re-ranking model: trained anew with verdicts, versioned. A new one stands beside the one in force until later verdicts say
 * which orders better (contest.ts); a person may choose any version, or go back, at any time.
 */
import type { Step } from '../respond/execute.ts';
import { type Contest, contest, outcomeOf } from './contest.ts';
import type { Features } from './features.ts';
import { type Judged, judgedOf } from './judged.ts';
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
import type { FeedbackStore, Verdict } from './verdict.ts';

/** Versions that can be gone back to. */
export const KEPT = 20;

/** What became of a version: only what was promoted is in force by itself. */
export type Place = 'candidate' | 'promoted' | 'dropped';
export interface KeptModel {
  readonly model: Model;
  readonly madeMs: number;
  readonly place: Place;
  /** When that was decided. */
  readonly placedMs: number;
}
export interface RerankerStore {
  save(kept: KeptModel): Promise<void>;
  /** Newest first; the one promoted last and the one chosen are among them, however old. */
  models(most: number): Promise<readonly KeptModel[]>;
  /** `latest` (the one promoted last), `off`, or a version. */
  choice(): Promise<string>;
  choose(choice: string, by: { actor: string; atMs: number }): Promise<void>;
}
interface Transaction {
  readonly reranker: RerankerStore;
  readonly feedback: Pick<FeedbackStore, 'verdicts' | 'judged'>;
  readonly steps: { append(step: Step): Promise<void> };
}
export interface RerankerParts {
  readonly store: { transaction<T>(work: (parts: Transaction) => Promise<T>): Promise<T> };
  readonly nowMs: () => number;
  readonly count: (change: 'promoted' | 'dropped') => void;
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
  /** By workload and detector. */
  readonly judged: readonly Judged[];
  /** Of the candidate, by the verdicts since it was made; null: there is none. */
  readonly contest: Contest | null;
  /** Of held-back verdicts, beside the order that needs no verdicts; null: too few. */
  readonly validation: Validation | null;
}
export interface Reranker {
  /** 0 to 1, high is likely real; null: no model is in force. */
  rank(features: Features): number | null;
  /** What people said when it was updated last. */
  judged(): readonly Judged[];
  /** After verdicts, and at start. */
  update(): Promise<void>;
  view(): Promise<RerankingView>;
  /** false: no such version. */
  choose(choice: string, actor: string): Promise<boolean>;
}

interface Said extends Example {
  /** Of the last verdict on it, and of the first. */
  readonly atMs: number;
  readonly firstMs: number;
}

/** The last verdict on each subject; `verdicts`: newest first. */
function examplesOf(verdicts: readonly Verdict[]): Said[] {
  const latest = new Map<string, Said>();
  for (const { subject, verdict, features, confidence, atMs } of verdicts) {
    const known = latest.get(subject.id);
    const example = known ?? { subject: subject.id, verdict, features, confidence, atMs };
    latest.set(subject.id, { ...example, firstMs: atMs });
  }
  return [...latest.values()];
}

export const promotedOf = (models: readonly KeptModel[]): KeptModel | null =>
  models.filter(({ place }) => place === 'promoted').toSorted((a, b) => b.placedMs - a.placedMs)[0] ?? null;

const candidateOf = (models: readonly KeptModel[]): KeptModel | null =>
  models.find(({ place }) => place === 'candidate') ?? null;

/** Of the candidate beside the one in force; null: there are not two. */
function contestOf(models: readonly KeptModel[], examples: readonly Said[]): Contest | null {
  const [live, candidate] = [promotedOf(models), candidateOf(models)];
  if (live === null || candidate === null) return null;
  const later = examples.filter(({ firstMs }) => firstMs > candidate.madeMs);
  return contest(live.model, candidate.model, later);
}

export function createReranker({ store, nowMs, count }: RerankerParts): Reranker {
  let inForce: Model | null = null;
  let judged: readonly Judged[] = [];
  /** Of the verdicts that it was computed from: it takes a second at worst, and is asked for by people. */
  let validated: { of: string; result: Validation | null } | null = null;

  const pick = (choice: string, models: readonly KeptModel[]): Model | null => {
    if (choice === 'off') return null;
    const chosen = models.find(({ model }) => model.version === choice) ?? null;
    return (choice === 'latest' ? promotedOf(models) : chosen)?.model ?? null;
  };
  /** Decides on the candidate, and makes one where there is none. */
  const renew = async (reranker: RerankerStore, examples: readonly Said[]): Promise<void> => {
    const models = await reranker.models(KEPT);
    const [candidate, held] = [candidateOf(models), contestOf(models, examples)];
    const place = held === null ? null : outcomeOf(held);
    if (candidate !== null && place === null) return;
    if (candidate !== null && place !== null) {
      await reranker.save({ ...candidate, place, placedMs: nowMs() });
      count(place);
    }
    const trained = train(examples);
    if (trained === null || models.some(({ model }) => model.version === trained.version)) return;
    const first = promotedOf(models) === null;
    const atMs = nowMs();
    const made = { model: trained, madeMs: atMs, placedMs: atMs };
    await reranker.save({ ...made, place: first ? 'promoted' : 'candidate' });
  };
  return {
    judged: () => judged,
    rank: (features) => (inForce === null ? null : rank(inForce, features)),
    update: () =>
      store.transaction(async ({ reranker, feedback }) => {
        await renew(reranker, examplesOf(await feedback.verdicts(MOST)));
        inForce = pick(await reranker.choice(), await reranker.models(KEPT));
        judged = judgedOf(await feedback.judged(MOST));
      }),
    view: () =>
      store.transaction(async ({ reranker, feedback }) => {
        const examples = examplesOf(await feedback.verdicts(MOST));
        const truePositives = examples.filter(({ verdict }) => verdict === 'true-positive').length;
        const of = JSON.stringify(examples.map(({ subject, verdict }) => [subject, verdict]));
        if (validated?.of !== of) validated = { of, result: validate(examples) };
        const models = await reranker.models(KEPT);
        return {
          choice: await reranker.choice(),
          inForce: inForce?.version ?? null,
          verdicts: { truePositives, falsePositives: examples.length - truePositives, least: LEAST },
          models,
          judged: judgedOf(await feedback.judged(MOST)),
          contest: contestOf(models, examples),
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
