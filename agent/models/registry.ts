/** One baseline per workload; the longest unused leaves when there are too many. Text in and out, no files. */
import { Baseline, type BaselineOptions } from './baseline.ts';

/** A saved baseline is a document of this kind, the form of the later custom resource; others are refused. */
export const PROFILE_VERSION = 'picket.dev/v1alpha1';
export const PROFILE_KIND = 'PicketProfile';
const MAX_BASELINES = 2048;
/** Longest text taken as a saved baseline, characters: above what LIMITS of baseline.ts allow. */
const MAX_SAVED = 16 * 1024 * 1024;

export interface SavedText {
  readonly workload: string;
  readonly text: string;
}

export class Registry {
  readonly #options: BaselineOptions;
  readonly #baselines = new Map<string, Baseline>();
  readonly #changed = new Set<string>();
  /** Workload → times its document was written, over restarts. */
  readonly #generations = new Map<string, number>();
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

  /** The workload's baseline, made when there is none. */
  baseline(workload: string): Baseline {
    const known = this.#baselines.get(workload) ?? new Baseline(workload, this.#options);
    this.#baselines.delete(workload);
    this.#baselines.set(workload, known);
    const [oldest] = this.#baselines.keys();
    if (this.#baselines.size > MAX_BASELINES && oldest !== undefined) {
      this.#baselines.delete(oldest);
      this.#changed.delete(oldest);
      this.#generations.delete(oldest);
      this.#evicted += 1;
    }
    return known;
  }

  /** The workload's baseline has learnt something since it was last saved. */
  touch(workload: string): void {
    this.#changed.add(workload);
  }

  /** Those that changed since the last call, at most `limit` of them. */
  save(limit: number = Number.POSITIVE_INFINITY): SavedText[] {
    const saved: SavedText[] = [];
    for (const workload of this.#changed) {
      if (saved.length >= limit) break;
      this.#changed.delete(workload);
      const baseline = this.#baselines.get(workload);
      if (baseline === undefined) continue;
      saved.push({ workload, text: this.#document(workload, baseline) });
    }
    return saved;
  }

  /** Every baseline as it is now, as it was or would be saved. */
  *documents(): Generator<string> {
    for (const [workload, baseline] of this.#baselines)
      yield documentOf(baseline, this.#generations.get(workload) ?? 0);
  }

  /** Takes over one saved baseline. @throws Error naming what is wrong with it; nothing is changed then. */
  load(text: string): void {
    if (text.length > MAX_SAVED) throw new Error(`a saved baseline of ${text.length} characters`);
    const { workload, generation, spec } = readProfile(text);
    const baseline = new Baseline(workload, this.#options);
    baseline.load(spec);
    this.baseline(workload);
    this.#baselines.set(workload, baseline);
    this.#generations.set(workload, generation);
  }

  #document(workload: string, baseline: Baseline): string {
    const generation = (this.#generations.get(workload) ?? 0) + 1;
    this.#generations.set(workload, generation);
    return documentOf(baseline, generation);
  }
}

function documentOf(baseline: Baseline, generation: number): string {
  const { workload: name, ...spec } = baseline.save();
  const metadata = { name, generation };
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
