/**
 * One baseline per workload; the longest unused leaves when there are too many. Text in and out, no files. Each saved
 * document names the hash of the one before, so that what was changed behind the agent's back is seen (checkpoint.ts).
 */
import { createHash } from 'node:crypto';
import { isOfOne } from '../identity/container.ts';
import { Baseline, type BaselineOptions, type SavedBaseline } from './baseline.ts';
import { changeModel, type ModelChange } from './care/cards.ts';
import { addTo, memoryOf } from './memory.ts';

/** A saved baseline is a document of this kind, the form of the later custom resource; others are refused. */
export const PROFILE_VERSION = 'picket.dev/v1alpha1';
export const PROFILE_KIND = 'PicketProfile';
const MAX_BASELINES = 2048;
/**
 * Of containers that are gone and had no other name than their own: one that is started again under the same id finds what
 * it was. Some 150 KiB each in memory; with a container a second the registry would be full of them in half an hour.
 */
const MAX_RETIRED = 64;
/** Longest text taken as a saved baseline, characters: above what LIMITS of fact-models.ts allow. */
const MAX_SAVED = 16 * 1024 * 1024;

export interface SavedText {
  readonly workload: string;
  readonly text: string;
  /** Times its document was written, its hash, and that of the one before. */
  readonly generation: number;
  readonly hash: string;
  readonly previous: string;
}

interface Sizes {
  /** Of memory, by detector. */
  readonly bytes: ReadonlyMap<string, number>;
  readonly pairs: number;
  readonly inherited: number;
}

export class Registry {
  readonly #options: BaselineOptions;
  readonly #baselines = new Map<string, Baseline>();
  /** To be saved. */
  readonly #changed = new Set<string>();
  /** Those that saw only what they knew since they were saved, and the rounds of saving that they have waited for. */
  readonly #grown = new Map<string, number>();
  /** Workload → times its document was written, over restarts. */
  readonly #generations = new Map<string, number>();
  /** Of containers that are gone, the longest first. */
  readonly #retired = new Set<string>();
  /** Left since the last checkpoint, whose files are to go. */
  readonly #dropped = new Set<string>();
  /** Workload → hash of its last document. */
  readonly #hashes = new Map<string, string>();
  /** Workload → its sizes when it was written last: to look through all facts of all workloads takes longer than a scrape should. */
  readonly #sizes = new Map<string, Sizes>();
  #evicted = 0;

  constructor(options: BaselineOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#baselines.size;
  }

  /** Baselines forgotten because there were too many. */
  get evicted(): number {
    return this.#evicted;
  }

  all(): Baseline[] {
    return [...this.#baselines.values()];
  }

  /** The workload's baseline, or null. */
  find(workload: string): Baseline | null {
    return this.#baselines.get(workload) ?? null;
  }

  /** The workload's baseline, made when there is none. */
  baseline(workload: string): Baseline {
    const known = this.#baselines.get(workload) ?? new Baseline(workload, this.#options);
    this.#baselines.delete(workload);
    this.#baselines.set(workload, known);
    this.#retired.delete(workload);
    this.#dropped.delete(workload);
    const [oldest] = this.#baselines.keys();
    if (this.#baselines.size > MAX_BASELINES && oldest !== undefined) this.#drop(oldest);
    return known;
  }

  /** The container whose own workload this is, is gone; one that had another name as well stays as it is. */
  retire(workload: string): void {
    if (!isOfOne(workload) || !this.#baselines.has(workload)) return;
    this.#retired.delete(workload);
    this.#retired.add(workload);
    const [oldest] = this.#retired;
    if (this.#retired.size > MAX_RETIRED && oldest !== undefined) this.#drop(oldest);
  }

  /** Workloads whose baselines left since the last call. */
  takeDropped(): string[] {
    const dropped = [...this.#dropped];
    this.#dropped.clear();
    return dropped;
  }

  /** The workload's baseline has learnt something since it was last saved; no `news`: only that all is as ever. */
  touch(workload: string, news = true): void {
    if (news) this.#changed.add(workload);
    else if (!this.#grown.has(workload)) this.#grown.set(workload, 0);
  }

  /** A round of saving begins; those for which all is as ever are to be saved in every so many of them. */
  round(every: number): void {
    for (const [workload, waited] of this.#grown)
      if (waited + 1 >= every) this.#changed.add(workload);
      else this.#grown.set(workload, waited + 1);
  }

  /** Those that are to be saved, at most `limit` of them. */
  save(limit: number = Number.POSITIVE_INFINITY): SavedText[] {
    const saved: SavedText[] = [];
    for (const workload of this.#changed) {
      if (saved.length >= limit) break;
      this.#changed.delete(workload);
      this.#grown.delete(workload);
      const baseline = this.#baselines.get(workload);
      if (baseline === undefined) continue;
      saved.push(this.#document(workload, baseline));
    }
    return saved;
  }

  /** Every baseline as it is now, as it was or would be saved. */
  *documents(): Generator<string> {
    for (const baseline of this.#baselines.values()) yield this.#documentOf(baseline);
  }

  /** One of them, or null. */
  document(workload: string): string | null {
    const baseline = this.#baselines.get(workload);
    return baseline === undefined ? null : this.#documentOf(baseline);
  }

  /** The document with which it would begin anew, or go on and learn nothing more; null when it is not known. */
  changed(workload: string, change: 'reset' | 'pin' | 'unpin'): string | null {
    const baseline = this.#baselines.get(workload);
    if (baseline === undefined) return null;
    const next = new Baseline(workload, this.#options);
    if (change !== 'reset') next.load(JSON.parse(JSON.stringify(baseline.save())));
    next.pinned = change === 'pin';
    return this.#documentOf(next);
  }

  /** The document with which another version of a model speaks, or why there is none; null when it is not known. */
  changedModel(
    workload: string,
    model: string,
    to: ModelChange,
  ): { readonly text: string } | { readonly problem: string } | null {
    const text = this.document(workload);
    if (text === null) return null;
    const next = new Baseline(workload, this.#options);
    next.load(readProfile(text).spec);
    const problem = changeModel(next, model, to);
    return problem === null ? { text: this.#documentOf(next) } : { problem };
  }

  #documentOf(baseline: Baseline): string {
    const { workload } = baseline;
    return documentOf(
      baseline.save(),
      this.#generations.get(workload) ?? 0,
      this.#hashes.get(workload) ?? '',
    );
  }

  /** Takes over one saved baseline. @returns its workload. @throws Error naming what is wrong with it; nothing is changed then. */
  load(text: string): string {
    if (text.length > MAX_SAVED) throw new Error(`a saved baseline of ${text.length} characters`);
    const { workload, generation, spec } = readProfile(text);
    const baseline = new Baseline(workload, this.#options);
    baseline.load(spec);
    this.baseline(workload);
    this.#baselines.set(workload, baseline);
    this.#generations.set(workload, generation);
    this.#hashes.set(workload, hashOf(text));
    // Gone until it is seen; nothing leaves for it before the first that goes now.
    if (isOfOne(workload)) this.#retired.add(workload);
    return workload;
  }

  /** Bytes of memory by detector, of all baselines that were written since the start. */
  memory(): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { bytes } of this.#sizes.values()) addTo(sums, bytes);
    return sums;
  }

  /** Of all baselines that were written since the start: pairs that are accepted, and facts inherited and not shown yet. */
  facts(): { readonly pairs: number; readonly inherited: number } {
    let [pairs, inherited] = [0, 0];
    for (const sizes of this.#sizes.values()) {
      pairs += sizes.pairs;
      inherited += sizes.inherited;
    }
    return { pairs, inherited };
  }

  #drop(workload: string): void {
    this.#sizes.delete(workload);
    this.#baselines.delete(workload);
    this.#changed.delete(workload);
    this.#grown.delete(workload);
    this.#generations.delete(workload);
    this.#hashes.delete(workload);
    this.#retired.delete(workload);
    this.#evicted += 1;
    this.#dropped.add(workload);
    // In a replay nobody takes them.
    const [oldest] = this.#dropped;
    if (this.#dropped.size > MAX_BASELINES && oldest !== undefined) this.#dropped.delete(oldest);
  }

  #document(workload: string, baseline: Baseline): SavedText {
    const generation = (this.#generations.get(workload) ?? 0) + 1;
    this.#generations.set(workload, generation);
    const saved = baseline.save();
    this.#sizes.set(workload, {
      bytes: memoryOf(saved),
      pairs: baseline.accepted('pair', 'steady').size,
      inherited: baseline.inheritedCount,
    });
    const previous = this.#hashes.get(workload) ?? '';
    const text = documentOf(saved, generation, previous);
    const hash = hashOf(text);
    this.#hashes.set(workload, hash);
    return { workload, text, generation, hash, previous };
  }
}

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

function documentOf(saved: SavedBaseline, generation: number, previous: string): string {
  const { workload: name, ...spec } = saved;
  const metadata = { name, generation, previous };
  return JSON.stringify({ apiVersion: PROFILE_VERSION, kind: PROFILE_KIND, metadata, spec });
}

interface Profile {
  readonly workload: string;
  readonly generation: number;
  readonly spec: unknown;
}

/** @throws Error naming what the document has in place of what it should. */
function readProfile(text: string): Profile {
  const { apiVersion, kind, metadata, spec } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  if (apiVersion !== PROFILE_VERSION || kind !== PROFILE_KIND)
    throw new Error(`a ${String(apiVersion)} ${String(kind)}, not a ${PROFILE_VERSION} ${PROFILE_KIND}`);
  const { name, generation } = (metadata ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || name === '') throw new Error('a profile without a name');
  if (!Number.isSafeInteger(generation)) throw new Error(`a profile of generation ${String(generation)}`);
  return { workload: name, generation: generation as number, spec };
}
