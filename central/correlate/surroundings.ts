/** What is known around an incident when it is assessed: handed in, so that assessing stays a function. */
import type { Match } from './intel.ts';

/** A container of a workload, on whatever node. */
export interface Sibling {
  readonly node: string;
  readonly id: string;
  readonly imageDigest: string;
  /** False: it ended within the last day. */
  readonly live: boolean;
  /** When central first heard of it, Unix ms. */
  readonly sinceMs: number;
}
export interface Surroundings {
  /** Those that live, and those that ended within the last day. */
  siblingsOf(workload: string): readonly Sibling[];
  /** How much a namespace matters: 0 nothing is lost with it, 1 usual, 2 and 3 more. */
  valueOf(namespace: string): number;
  /** What lists of others say of an address, a name or a hash. */
  matchesOf(value: string): readonly Match[];
}

export const USUAL_VALUE = 1;

export const NOTHING_AROUND: Surroundings = {
  siblingsOf: () => [],
  valueOf: () => USUAL_VALUE,
  matchesOf: () => [],
};
