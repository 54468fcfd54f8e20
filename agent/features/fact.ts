/** A fact: one thing a workload did, in a form that comes back when it does the same thing again. */

export const FACT_KINDS = [
  'exec',
  'file',
  'connect',
  'accept',
  'syscall',
  'action',
  'pair',
  'compat',
  'folder',
  'library',
  'capability',
  'listen',
  'name',
] as const;
export type FactKind = (typeof FACT_KINDS)[number];

export interface Fact {
  readonly kind: FactKind;
  readonly value: string;
}

/** Text form, unique per fact. */
export const factKey = (fact: Fact): string => `${fact.kind} ${fact.value}`;
