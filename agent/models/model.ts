/**
 * The contract of every model. `learn` returns nothing; `score` changes nothing; memory is bounded by a number the
 * model names; what was called anomalous is kept away by the caller (baseline.ts), not by the model.
 */

export interface Unknown {
  /** Not enough is known to say anything; not the same as a score of 0. */
  readonly state: 'unknown';
  readonly reason: string;
}

export interface Scored {
  readonly state: 'scored';
  /** 0 to 1, high is strange. */
  readonly score: number;
  /** How often what was asked about was seen, in periods. */
  readonly seen: number;
  /** Periods learnt so far. */
  readonly periods: number;
  /** Upper bound of the probability that a period brings something never seen. */
  readonly newness: number;
}

export type Score = Unknown | Scored;

export interface Model<Period, Subject, Saved> {
  learn(period: Period): void;
  score(subject: Subject): Score;
  /** Plain JSON; equal models give equal text. */
  save(): Saved;
}
