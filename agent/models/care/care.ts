/**
 * How the models of one workload fare: when they learnt, how well they were fed, whether what they say is still spread as
 * it was, what they told, and what became of newer ones. It changes no verdict.
 */
import type { Change } from './beside.ts';
import { Drift } from './drift.ts';

/** Detectors whose scores are followed, and those whose detections are counted; more than there are. */
const MAX_DRIFTS = 8;
const MAX_TOLD = 24;
/** Changes of models that are remembered, the latest. */
const MAX_CHANGES = 16;
/** Of the share of windows with loss: an hour of one container. */
const MEMORY = 720;
/** Windows before that share says anything. */
const ENOUGH = 60;
/** Nothing was accepted for so long: a workload that runs and is not learnt from any more. */
export const STALE_MS = 86_400_000;
/** From which share of windows with loss on a workload is hardly seen. */
export const BLIND_SHARE = 0.2;

/** Model, what became of it, by whom, when (Unix time, ms). */
export type Changed = readonly [string, Change, 'rule' | 'person', number];

export class Care {
  #bornMs: number | null = null;
  #learntMs: number | null = null;
  #nowMs = 0;
  #windows = 0;
  #lossy = 0;
  readonly #drifts = new Map<string, Drift>();
  readonly #told = new Map<string, number>();
  readonly #changes: Changed[] = [];

  /** A window ended at the time; `learnt`: something of it was accepted. */
  window({ wallMs, complete, learnt }: { wallMs: number; complete: boolean; learnt: boolean }): void {
    this.#nowMs = Math.round(wallMs);
    this.#bornMs ??= this.#nowMs;
    if (learnt) this.#learntMs = this.#nowMs;
    this.#windows += 1;
    this.#lossy += (Number(!complete) - this.#lossy) / Math.min(this.#windows, MEMORY);
  }

  /** What a detector said of a window of steady life, bits. */
  score(detector: string, bits: number): void {
    const known = this.#drifts.get(detector);
    if (known === undefined && this.#drifts.size >= MAX_DRIFTS) return;
    const drift = known ?? new Drift();
    this.#drifts.set(detector, drift);
    drift.note(bits);
  }

  /** A detection was told. */
  tell(detector: string): void {
    if (this.#told.has(detector) || this.#told.size < MAX_TOLD)
      this.#told.set(detector, (this.#told.get(detector) ?? 0) + 1);
  }

  /** A model took the place of another, or did not: what it says is usual is looked at anew. */
  changed(model: string, change: Change, by: 'rule' | 'person'): void {
    if (change !== 'dropped') this.#drifts.get(model)?.renew();
    this.#changes.push([model, change, by, this.#nowMs]);
    if (this.#changes.length > MAX_CHANGES) this.#changes.shift();
  }

  get bornMs(): number | null {
    return this.#bornMs;
  }

  get learntMs(): number | null {
    return this.#learntMs;
  }

  /** Share of the last windows in which something was lost. */
  get lossy(): number {
    return Math.round(this.#lossy * 10_000) / 10_000;
  }

  get blind(): boolean {
    return this.#windows >= ENOUGH && this.#lossy >= BLIND_SHARE;
  }

  /** Windows go on, and nothing of them is accepted any more. */
  get stale(): boolean {
    const since = this.#learntMs ?? this.#bornMs;
    return since !== null && this.#nowMs - since >= STALE_MS;
  }

  get told(): ReadonlyMap<string, number> {
    return this.#told;
  }

  get drifts(): ReadonlyMap<string, Drift> {
    return this.#drifts;
  }

  get changes(): readonly Changed[] {
    return this.#changes;
  }

  save(): unknown {
    const drifts = [...this.#drifts].map(([name, drift]) => [name, drift.save()] as const);
    const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
      a[0] < b[0] ? -1 : 1;
    return {
      times: [this.#bornMs, this.#learntMs, this.#nowMs],
      windows: [this.#windows, this.lossy],
      drifts: drifts.toSorted(byName),
      told: [...this.#told].toSorted(byName),
      changes: this.#changes,
    };
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const { times, windows, drifts, told, changes } = (saved ?? {}) as Record<string, unknown>;
    if (![times, windows, drifts, told, changes].every(Array.isArray))
      throw new TypeError('not a saved care of models');
    const [born, learnt, now] = (times as unknown[]).map((time) => (time === null ? null : countOf(time)));
    const [count, lossy] = windows as unknown[];
    const read = (drifts as unknown[]).slice(0, MAX_DRIFTS).map((entry): [string, Drift] => {
      const [name, of] = Array.isArray(entry) ? entry : [];
      const drift = new Drift();
      drift.load(of);
      return [String(name), drift];
    });
    this.#bornMs = born ?? null;
    this.#learntMs = learnt ?? null;
    this.#nowMs = now ?? 0;
    this.#windows = countOf(count);
    this.#lossy = Math.min(1, Math.max(0, Number(lossy) || 0));
    this.#drifts.clear();
    for (const [name, drift] of read) this.#drifts.set(name, drift);
    this.#told.clear();
    for (const entry of (told as unknown[]).slice(0, MAX_TOLD))
      if (Array.isArray(entry)) this.#told.set(String(entry[0]), countOf(entry[1]));
    this.#changes.splice(
      0,
      this.#changes.length,
      ...(changes as unknown[]).slice(-MAX_CHANGES).map(changedOf),
    );
  }
}

function countOf(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw new TypeError(`a saved care of models with a count of ${String(value)}`);
  return value as number;
}

function changedOf(entry: unknown): Changed {
  const [model, change, by, atMs] = Array.isArray(entry) ? entry : [];
  if (change !== 'promoted' && change !== 'dropped' && change !== 'rolled-back')
    throw new TypeError(`a saved change of a model that is ${String(change)}`);
  return [String(model), change, by === 'person' ? 'person' : 'rule', countOf(atMs)];
}
