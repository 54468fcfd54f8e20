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
  /** Of those, so many are known by name, and come in when there is room; none. */
  readonly maxLeftOut?: number;
  /** After each list. */
  readonly listed?: () => void | Promise<void>;
  /** After each change that came by the watch; `before`: as it was known. */
  readonly changed?: (kind: ChangeKind, item: T, before: T | null) => void | Promise<void>;
  readonly problem: (error: KubeError) => void;
  readonly timing?: WatchTiming | undefined;
}

export class Mirror<T> {
  readonly #parts: MirrorParts<T>;
  readonly #watch: Watch<T>;
  readonly #objects = new Map<string, T>();
  readonly #leftOut = new Map<string, T>();
  /** Those that are left out and not known by name. */
  #beyond = 0;
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

  /** Objects that are left out because there are too many. */
  get refused(): number {
    return this.#leftOut.size + this.#beyond;
  }

  /** Those of them that are known by name. */
  leftOut(): T[] {
    return [...this.#leftOut.values()];
  }

  get(key: string): T | null {
    return this.#objects.get(key) ?? null;
  }

  /** As an answer of the server said that it is now, before the watch does. */
  put(item: T): void {
    this.#keep(item);
  }

  /** It is gone by our own doing: the watch will tell of nothing that is known. */
  drop(item: T): void {
    this.#remove(this.#parts.keyOf(item));
  }

  /** False where there is no room. */
  #keep(item: T): boolean {
    const key = this.#parts.keyOf(item);
    const { maxObjects, maxLeftOut = 0 } = this.#parts;
    const fits = this.#objects.has(key) || this.#objects.size < maxObjects;
    if (fits) {
      this.#objects.set(key, item);
      this.#leftOut.delete(key);
    } else if (this.#leftOut.has(key) || this.#leftOut.size < maxLeftOut) this.#leftOut.set(key, item);
    else return false;
    return true;
  }

  /** False where it was not known. Who waited for longest takes its place. */
  #remove(key: string): boolean {
    const had = this.#objects.delete(key);
    const [next] = this.#leftOut;
    if (!had) return this.#leftOut.delete(key);
    if (next === undefined) return true;
    this.#leftOut.delete(next[0]);
    this.#objects.set(...next);
    return true;
  }

  #takeAll(items: readonly T[]): void | Promise<void> {
    this.#objects.clear();
    this.#leftOut.clear();
    this.#beyond = items.filter((item) => !this.#keep(item)).length;
    this.#listed = true;
    return this.#parts.listed?.();
  }

  #take(kind: ChangeKind, item: T): void | Promise<void> {
    const key = this.#parts.keyOf(item);
    const before = this.#objects.get(key) ?? this.#leftOut.get(key) ?? null;
    if (kind === 'DELETED') this.#beyond -= Number(!this.#remove(key) && this.#beyond > 0);
    else if (!this.#keep(item) && kind === 'ADDED') this.#beyond += 1;
    return this.#parts.changed?.(kind, item, before);
  }
}
