/**
 * The contract of every detector. `learn` returns nothing; `score` changes nothing; both are functions of what was given
 * alone: no clock, no chance but from a seed that is named, no file. A detector does not keep poison away: what was called
 * anomalous is not given to it (baseline.ts). A score only orders; how rare one is that high is told by the evidence
 * (evidence/), from scores the detector gave before.
 */

export interface Unknown {
  /** Not enough is known to say anything; not the same as a score of 0. */
  readonly state: 'unknown';
  readonly reason: string;
}

/** Something that made the score high. */
export interface Part {
  /** In words of what was looked at: a fact, a call, a feature. */
  readonly what: string;
  /** Its share of the score, 0 to 1; the parts of a score need not sum to 1. */
  readonly share: number;
}

export interface Scored {
  readonly state: 'scored';
  /** 0 to 1, high is strange. */
  readonly score: number;
  /** One plain sentence with numbers. */
  readonly reason: string;
  /** What explains it, most first; at most MAX_PARTS, and none where nothing is strange. */
  readonly parts: readonly Part[];
}

export type Score = Unknown | Scored;

export const MAX_PARTS = 16;

/** `Learnt` is what one period gives it, `Asked` what it is asked about; for most the same. */
export interface Detector<Learnt, Asked = Learnt> {
  /** Named in verdicts, metrics and saved models: lower case and hyphens. */
  readonly name: string;
  /** Most bytes that what `save` gives takes as JSON text in UTF-8, whatever was learnt. */
  readonly maxBytes: number;
  learn(input: Learnt): void;
  score(input: Asked): Score;
  /** Plain JSON; equal detectors give equal text. */
  save(): unknown;
  /** Takes over what `save` gave, in place of what is known. @throws TypeError when it is something else; nothing is changed then. */
  load(saved: unknown): void;
}
