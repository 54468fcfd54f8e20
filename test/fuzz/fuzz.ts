/** Coverage-guided: inputs that ran a block for the first time are kept and changed further. */
import { Coverage } from './coverage.ts';
import { mutate, type Random } from './mutate.ts';

export interface FuzzOptions {
  readonly seeds: readonly Buffer[];
  readonly random: Random;
  /** Which script addresses count for coverage. */
  readonly files: RegExp;
  readonly check: (input: Buffer) => void;
  /** For one of DEEP_EVERY inputs. */
  readonly checkDeeply: (input: Buffer) => void;
  readonly maxInputs: number;
  readonly maxMs: number;
  readonly progress?: (inputs: number, kept: number, blocks: number) => void;
}

export interface Fuzzed {
  readonly inputs: number;
  /** Seeds and inputs kept for what they covered first. */
  readonly kept: number;
  readonly blocks: number;
  readonly ms: number;
}

const BATCH = 1000;
/** Of so many batches one runs under coverage and may give new inputs to go on from; under it all is slow. */
const COVERED_EVERY = 20;
const DEEP_EVERY = 500;

class Fuzz {
  readonly corpus: Buffer[];
  readonly seen: Coverage;
  private readonly options: FuzzOptions;

  constructor(options: FuzzOptions) {
    this.options = options;
    this.corpus = [...options.seeds];
    this.seen = new Coverage(options.files);
    for (const seed of this.corpus) options.check(seed);
    this.seen.take();
  }

  batch(): Buffer[] {
    const { random, check, checkDeeply } = this.options;
    const inputs = Array.from({ length: BATCH }, () => mutate(this.corpus, random));
    for (const [index, input] of inputs.entries()) {
      check(input);
      if (index % DEEP_EVERY === 0) checkDeeply(input);
    }
    return inputs;
  }

  /** A batch of which the inputs are kept that ran a block first. */
  coveredBatch(): void {
    const before = new Set(this.seen.blocks);
    const inputs = this.batch();
    if (this.seen.take() === 0) return;
    this.seen.forget(before);
    for (const input of inputs) {
      this.options.check(input);
      if (this.seen.take() > 0) this.corpus.push(input);
    }
  }
}

/** @throws what a check throws, with the input in its message. */
export function fuzz(options: FuzzOptions): Fuzzed {
  const began = performance.now();
  const run = new Fuzz(options);
  const { corpus, seen } = run;
  let batches = 0;
  try {
    for (; batches * BATCH < options.maxInputs && performance.now() - began < options.maxMs; batches += 1) {
      const covered = batches % COVERED_EVERY === 0;
      if (covered) seen.on();
      if (covered) run.coveredBatch();
      else run.batch();
      if (covered) seen.off();
      options.progress?.(batches * BATCH, corpus.length, seen.blocks.size);
    }
  } finally {
    seen.close();
  }
  return {
    inputs: batches * BATCH,
    kept: corpus.length,
    blocks: seen.blocks.size,
    ms: performance.now() - began,
  };
}
