/** A fact: one thing a workload did, in a form that comes back when it does the same thing again. */

/** Kinds that were not there from the beginning: baselines saved by earlier versions have none of them. */
export const ADDED_KINDS = [
  'action',
  'pair',
  'compat',
  'folder',
  'library',
  'capability',
  'listen',
  'name',
] as const;
export const FACT_KINDS = ['exec', 'file', 'connect', 'accept', 'syscall', ...ADDED_KINDS] as const;
export type FactKind = (typeof FACT_KINDS)[number];

export interface Fact {
  readonly kind: FactKind;
  readonly value: string;
}

/** Text form, unique per fact. */
export const factKey = (fact: Fact): string => `${fact.kind} ${fact.value}`;
