/** What every measurement of `picket bench` is made with, and what it gives. */

export interface Bench {
  /** File that starts picket with the running Node. */
  readonly entry: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
  /** A folder of its own, removed at the end. */
  readonly folder: string;
  readonly programs: Programs;
  /** Of runs with agent and floor. */
  readonly pairs: number;
  /** Fewer and shorter runs: to see that all works, not to quote. */
  readonly quick: boolean;
}

/** Compiled on the spot. */
export interface Programs {
  readonly load: string;
  /** The loader of the floor and what it loads. */
  readonly floor: readonly [string, string];
}

/** A line of the table. */
export interface Figure {
  readonly what: string;
  readonly here: string;
  readonly target: string;
  /** Whether the target is met; null: there is none, or nothing was measured. */
  readonly holds: boolean | null;
  /** What others cost, measured elsewhere: peers.ts. */
  readonly others: string;
}

export interface Measured {
  readonly figures: readonly Figure[];
  /** Every single value, for --json. */
  readonly values: unknown;
}

export interface Measurement {
  readonly name: string;
  readonly sentence: string;
  run(bench: Bench): Promise<Measured>;
}
