/** What stands in a rule file, after its YAML was read and before its expressions are compiled. */
import type { Severity } from '../alerts/severity.ts';
import type { Subject } from './fields.ts';

/** A place in a file, both counted from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Problem extends Place {
  readonly reason: string;
}

export const describeProblem = ({ file, line, column, reason }: Problem): string =>
  `${file}:${line}:${column}: ${reason}`;

/** A text of a file that knows where each of its characters stands. */
export interface Text {
  readonly text: string;
  place(offset: number): Place;
}

/** Where a rule or an exception holds. Patterns have `*` for any part; a list that is not given holds everywhere. */
export interface Scope {
  readonly kinds: readonly string[] | null;
  readonly namespaces: readonly string[] | null;
  readonly workloads: readonly string[] | null;
  readonly images: readonly string[] | null;
  readonly containers: readonly string[] | null;
  readonly labels: readonly string[] | null;
}

export interface Grade {
  /** Null: whenever no earlier one held. */
  readonly when: Text | null;
  readonly severity: Severity;
  readonly score: number;
}

/** One of several things a rule finds; the first that holds counts. Its texts are `{set.NAME}` in templates. */
export interface Case {
  readonly when: Text;
  readonly set: Readonly<Record<string, string>>;
  readonly techniques: readonly string[];
}

export interface Exception {
  /** Of which rule. */
  readonly rule: string;
  readonly name: string;
  readonly reason: string;
  readonly when: Text | null;
  readonly scope: Scope | null;
  readonly place: Place;
}

/** So many matches, of distinct values of an expression where one is given, within so many seconds; apart for each value of `by`. */
export interface Threshold {
  readonly atLeast: number;
  readonly withinNs: bigint;
  readonly per: 'container' | 'process' | 'parent';
  readonly by: Text | null;
  readonly distinct: Text | null;
}

export interface RuleDocument {
  readonly name: string;
  readonly place: Place;
  readonly sentence: string;
  readonly on: readonly Subject[];
  readonly when: Text | null;
  readonly cases: readonly Case[];
  readonly count: Threshold | null;
  /** At least one; the first that holds counts. */
  readonly grades: readonly Grade[];
  /** All that apply; a case has its own. */
  readonly techniques: readonly { readonly technique: string; readonly when: Text | null }[];
  /** Ids of coverage.yaml. */
  readonly coverage: readonly string[];
  readonly next: string;
  readonly scope: Scope | null;
  /** With `{expressions}`, as are subject and facts. */
  readonly summary: Text;
  readonly subject: Text;
  readonly facts: Readonly<Record<string, Text>>;
  readonly exceptions: readonly Exception[];
  readonly enabled: boolean;
}

/** A list or a macro, shared between all files of one set. */
export interface Shared<T> {
  readonly name: string;
  readonly place: Place;
  readonly sentence: string;
  readonly value: T;
}

export interface RuleFile {
  readonly rules: readonly RuleDocument[];
  readonly lists: readonly Shared<readonly string[]>[];
  readonly macros: readonly Shared<Text>[];
  readonly exceptions: readonly Exception[];
}
