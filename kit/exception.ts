/** What a person has said is normal for a workload, and what of it is meant: alike at central and on every node. */
import { matchesGlob } from './glob.ts';

export interface ExceptionMatch {
  readonly name: string;
  /** Pattern of the workload's key. */
  readonly workload: string;
  /** null: any. */
  readonly detector: string | null;
  /** Fact name → pattern; all must match. */
  readonly facts: Readonly<Record<string, string>>;
  /** Unix time, ms; null: does not end. */
  readonly expiresMs: number | null;
}

export interface Hit {
  readonly detector: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** It has not ended, and speaks of this workload. */
export const isOf = (one: ExceptionMatch, workload: string, nowMs: number): boolean =>
  (one.expiresMs === null || one.expiresMs > nowMs) && matchesGlob(one.workload, workload);

export interface Compared {
  /** Of the fact. */
  readonly name: string;
  readonly pattern: string;
  readonly value: string;
}
/** Whether a pattern that is not the value's own means it all the same, as where one of them is told as a hash. */
export type Means = (compared: Compared) => boolean;

/** It means what this detector found. */
export function covers(one: ExceptionMatch, { detector, facts }: Hit, means: Means = () => false): boolean {
  if (one.detector !== null && one.detector !== detector) return false;
  return Object.entries(one.facts).every(([name, pattern]) => {
    const value = facts[name] ?? '';
    return matchesGlob(pattern, value) || means({ name, pattern, value });
  });
}
