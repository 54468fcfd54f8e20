/**
 * Rarity models of all kinds of facts, for a workload's steady life and for the start of its containers. Together they stay
 * within so many bytes when saved.
 */
import { ADDED_KINDS, FACT_KINDS, type Fact, type FactKind } from '../features/fact.ts';
import type { Unknown } from './detector.ts';
import { Rarity, type SavedRarity, type Surprise, type Trace } from './rarity.ts';

/** A container's first seconds are judged against its workload's other starts. */
export type Phase = 'start' | 'steady';
export const PHASES: readonly Phase[] = ['steady', 'start'];

/** Facts kept per kind and phase. */
export const LIMITS: Readonly<Record<FactKind, number>> = {
  exec: 1024,
  file: 512,
  connect: 1024,
  accept: 256,
  syscall: 512,
  action: 512,
  pair: 4096,
  compat: 512,
  folder: 1024,
  library: 512,
  capability: 64,
  listen: 256,
  name: 1024,
};
const LEARN_STARTS = 3;
/** Of all facts when saved. With suspects, the network of `shape` and the history a baseline stays within 256 KiB. */
const FACT_BYTES = 88 * 1024;
/** Periods in which a fact must have been seen to be accepted: what came once may be what is looked for. */
const ACCEPTED = 2;
const ADDED: ReadonlySet<FactKind> = new Set(ADDED_KINDS);
const EMPTY_BYTES = new Rarity({ limit: 1, learnPeriods: 1 }).bytes;
const NEVER_SEEN: SavedRarity = { periods: 0, sealed: 0, evicted: 0, facts: [] };

export type Models = Readonly<Record<FactKind, Rarity>>;
export type SavedModels = Readonly<Record<FactKind, SavedRarity>>;

export class FactModels {
  readonly #steady: Models;
  readonly #start: Models;
  readonly #all: readonly Rarity[];

  constructor(learnWindows: number) {
    this.#steady = modelsOf(learnWindows);
    this.#start = modelsOf(LEARN_STARTS);
    this.#all = [...Object.values(this.#steady), ...Object.values(this.#start)];
  }

  of(phase: Phase): Models {
    return phase === 'start' ? this.#start : this.#steady;
  }

  get evicted(): number {
    return FACT_KINDS.reduce((n, kind) => n + this.#steady[kind].evicted + this.#start[kind].evicted, 0);
  }

  /** Periods in which the fact was seen and learnt, whatever the phase. */
  seen({ kind, value }: Fact): number {
    return this.#steady[kind].seen(value) + this.#start[kind].seen(value);
  }

  trace({ kind, value }: Fact, phase: Phase): Trace | null {
    return this.of(phase)[kind].trace(value);
  }

  /** Values of the kind that belong to the phase for certain; of what those versions showed. */
  accepted(kind: FactKind, phase: Phase, of: number): Set<string> {
    const accepted = new Set(this.#steady[kind].known(ACCEPTED, of));
    if (phase === 'start') for (const value of this.#start[kind].known(ACCEPTED, of)) accepted.add(value);
    return accepted;
  }

  /** Whether the fact belongs to the phase for certain. */
  accepts({ kind, value }: Fact, phase: Phase): boolean {
    if (this.#steady[kind].seen(value) >= ACCEPTED) return true;
    return phase === 'start' && this.#start[kind].seen(value) >= ACCEPTED;
  }

  /** At the start of a container, what other starts did or the steady life does is known. */
  score({ kind, value }: Fact, phase: Phase): Surprise | Unknown {
    const steady = this.#steady[kind].score(value);
    if (phase === 'steady') return steady;
    const start = this.#start[kind].score(value);
    if (start.state === 'scored' && steady.state === 'scored' && steady.seen > 0)
      return { ...steady, newness: start.newness, periods: start.periods };
    return start;
  }

  /** What only that version showed is forgotten. */
  dropVersion(bit: number): void {
    for (const kind of FACT_KINDS) {
      this.#steady[kind].dropVersion(bit);
      this.#start[kind].dropVersion(bit);
    }
  }

  /** Whoever takes most gives way first, which it counts. */
  fit(): void {
    for (;;) {
      let taken = 0;
      let most: Rarity | null = null;
      for (const model of this.#all) {
        taken += model.bytes - EMPTY_BYTES;
        if (most === null || model.bytes > most.bytes) most = model;
      }
      if (taken <= FACT_BYTES || most === null || most.size === 0) return;
      most.shrink();
    }
  }

  save(): { steady: SavedModels; start: SavedModels } {
    return { steady: saveAll(this.#steady), start: saveAll(this.#start) };
  }

  /** @throws TypeError when they are not what `save` gave. */
  load(steady: unknown, start: unknown): void {
    loadAll(this.#steady, steady);
    loadAll(this.#start, start);
  }
}

const byKind = <T>(of: (kind: FactKind) => T): Record<FactKind, T> => ({
  exec: of('exec'),
  file: of('file'),
  connect: of('connect'),
  accept: of('accept'),
  syscall: of('syscall'),
  action: of('action'),
  pair: of('pair'),
  compat: of('compat'),
  folder: of('folder'),
  library: of('library'),
  capability: of('capability'),
  listen: of('listen'),
  name: of('name'),
});

const modelsOf = (learnPeriods: number): Models =>
  byKind((kind) => new Rarity({ limit: LIMITS[kind], learnPeriods }));

/** A kind that came after the baseline was saved has seen nothing in as many periods, and so learns them anew. */
function loadAll(all: Models, saved: unknown): void {
  const kinds = (saved ?? {}) as Record<string, unknown>;
  for (const kind of FACT_KINDS) {
    const one = kinds[kind];
    if (one === undefined && ADDED.has(kind)) all[kind].load(NEVER_SEEN);
    else all[kind].load(one);
  }
}

const saveAll = (all: Models): SavedModels => byKind((kind) => all[kind].save());
