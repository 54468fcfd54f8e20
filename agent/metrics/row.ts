/** One metric that is read from the agent's numbers. */
import type { Numbers } from './numbers.ts';

export type Pairs = Iterable<readonly [string, number]>;
/** Name, sentence, label or '', values. Those that end in `_total` are counters. */
export type Row = readonly [string, string, string, (numbers: Numbers) => Pairs];

export const one =
  (read: (numbers: Numbers) => number) =>
  (numbers: Numbers): Pairs => [['', read(numbers)]];
