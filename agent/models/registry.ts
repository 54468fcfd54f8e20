/** One baseline per workload; the longest unused leaves when there are too many. Text in and out, no files. */
import { Baseline, type BaselineOptions } from './baseline.ts';

/** Of saved baselines; another number is refused. */
export const BASELINE_VERSION = 1;
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
      saved.push({ workload, text: JSON.stringify({ version: BASELINE_VERSION, ...baseline.save() }) });
    }
    return saved;
  }

  /** Takes over one saved baseline. @throws Error naming what is wrong with it; nothing is changed then. */
  load(text: string): void {
    if (text.length > MAX_SAVED) throw new Error(`a saved baseline of ${text.length} characters`);
    const saved = JSON.parse(text) as { version?: unknown; workload?: unknown } | null;
    if (saved?.version !== BASELINE_VERSION)
      throw new Error(`a saved baseline of version ${String(saved?.version)}, not ${BASELINE_VERSION}`);
    if (typeof saved.workload !== 'string' || saved.workload === '')
      throw new Error('a saved baseline without a workload');
    const baseline = new Baseline(saved.workload, this.#options);
    baseline.load(saved);
    this.baseline(saved.workload);
    this.#baselines.set(saved.workload, baseline);
  }
}
