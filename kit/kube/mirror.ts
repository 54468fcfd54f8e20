/** The objects of one kind as they are, by key: kept by a watch, at most so many. */
import type { KubeClient } from './client.ts';
import type { KubeError } from './error.ts';
import { type ChangeKind, Watch, type WatchQuery, type WatchTiming } from './watch.ts';

export interface MirrorParts<T> {
  readonly client: KubeClient;
  readonly query: WatchQuery<T>;
  readonly keyOf: (item: T) => string;
  /** Further ones are left out, and counted. */
  readonly maxObjects: number;
  /** After each list. */
  readonly listed?: () => void | Promise<void>;
  /** After each change that came by the watch; `before`: as it was known. */
  readonly changed?: (kind: ChangeKind, item: T, before: T | null) => void | Promise<void>;
  readonly problem: (error: KubeError) => void;
  readonly timing?: WatchTiming | undefined;
}

export class Mirror<T> {
  /** Objects that were left out because there were too many. */
  refused = 0;
  readonly #parts: MirrorParts<T>;
  readonly #watch: Watch<T>;
  readonly #objects = new Map<string, T>();
  #listed = false;

  constructor(parts: MirrorParts<T>) {
    this.#parts = parts;
    const handlers = {
      listed: (items: readonly T[]) => this.#takeAll(items),
      changed: (kind: ChangeKind, item: T) => this.#take(kind, item),
      problem: parts.problem,
    };
    this.#watch = new Watch<T>(parts.client, parts.query, handlers, parts.timing);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#watch.run(signal);
  }

  /** Everything was listed, and nothing since has failed. */
  get inStep(): boolean {
    return this.#watch.inStep;
  }

  /** Everything was listed once: what is not here was not there. */
  get known(): boolean {
    return this.#listed;
  }

  get size(): number {
    return this.#objects.size;
  }

  all(): T[] {
    return [...this.#objects.values()];
  }

  get(key: string): T | null {
    return this.#objects.get(key) ?? null;
  }

  /** As an answer of the server said that it is now, before the watch does. */
  put(item: T): void {
    const key = this.#parts.keyOf(item);
    if (this.#objects.size < this.#parts.maxObjects || this.#objects.has(key)) this.#objects.set(key, item);
    else this.refused += 1;
  }

  /** It is gone by our own doing: the watch will tell of nothing that is known. */
  drop(item: T): void {
    this.#objects.delete(this.#parts.keyOf(item));
  }

  #takeAll(items: readonly T[]): void | Promise<void> {
    this.#objects.clear();
    for (const item of items) this.put(item);
    this.#listed = true;
    return this.#parts.listed?.();
  }

  #take(kind: ChangeKind, item: T): void | Promise<void> {
    const before = this.get(this.#parts.keyOf(item));
    if (kind === 'DELETED') this.drop(item);
    else this.put(item);
    return this.#parts.changed?.(kind, item, before);
  }
}
