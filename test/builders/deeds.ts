/** Behaviours that are done on a kernel: what is done, by whom, and what is found of it. */
import { readFileSync } from 'node:fs';

export interface Deed {
  readonly what: string;
  /** Ids of behaviours that it proves. */
  readonly covers: readonly string[];
  /** The rule that finds it; or the fact that is new. */
  readonly rule?: string;
  readonly fact?: { readonly kind: string; readonly value: string };
  /**
   * `app`, or a server that has been running for a while, does it as a line of a shell, in which $D is a folder of its own;
   * `doer` an action of test/native/actions.c, `doer-line` a line of test/native/doer.c.
   */
  readonly by: 'app' | 'nginx' | 'postgres' | 'doer' | 'doer-line';
  readonly do: string;
}

export const readDeeds = (): Deed[] =>
  readFileSync(new URL('../agent/rules/deeds.ndjson', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Deed);
