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
  /** Of those, so many are known by name, and come in as soon as there is room; none. The others come by a new list. */
  readonly maxLeftOut?: number;
  /** After each list. */
  readonly listed?: () => void | Promise<void>;
  /** After each change that came by the watch; `before`: as it was known. */
  readonly changed?: (kind: ChangeKind, item: T, before: T | null) => void | Promise<void>;
  readonly problem: (error: KubeError) => void;
  readonly timing?: (WatchTiming & { readonly roomMs?: number }) | undefined;
}

/** Room for objects that are not known by name: so long after it came everything is listed, once however much comes and goes. */
const ROOM_MS = 60_000;

export class Mirror<T> {
  readonly #parts: MirrorParts<T>;
  readonly #watch: Watch<T>;
  readonly #objects = new Map<string, T>();
  readonly #leftOut = new Map<string, T>();
  /** Gone by our own doing, and the watch has not told of them yet. */
  readonly #dropped = new Set<string>();
  /** Those that are left out and not known by name. */
  #beyond = 0;
  #listed = false;
  #room: NodeJS.Timeout | undefined;

  constructor(parts: MirrorParts<T>) {
    this.#parts = parts;
    const handlers = {
      listed: (items: readonly T[]) => this.#takeAll(items),
      changed: (kind: ChangeKind, item: T) => this.#take(kind, item),
      problem: parts.problem,
    };
    this.#watch = new Watch<T>(parts.client, parts.query, handlers, parts.timing);
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#watch.run(signal);
    } finally {
      clearTimeout(this.#room);
    }
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
    const key = this.#parts.keyOf(item);
    if (!this.#remove(key)) return;
    if (this.#dropped.size >= this.#parts.maxObjects) this.#dropped.clear();
    this.#dropped.add(key);
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
    this.#dropped.clear();
    clearTimeout(this.#room);
    this.#room = undefined;
    this.#beyond = items.filter((item) => !this.#keep(item)).length;
    this.#listed = true;
    return this.#parts.listed?.();
  }

  #take(kind: ChangeKind, item: T): void | Promise<void> {
    const key = this.#parts.keyOf(item);
    const before = this.#objects.get(key) ?? this.#leftOut.get(key) ?? null;
    this.#count(kind, item, before !== null);
    this.#lookForRoom();
    return this.#parts.changed?.(kind, item, before);
  }

  /** What is not known and is no news was one of those beyond. */
  #count(kind: ChangeKind, item: T, known: boolean): void {
    const key = this.#parts.keyOf(item);
    const dropped = this.#dropped.delete(key);
    const fits = kind === 'DELETED' ? !this.#remove(key) : this.#keep(item);
    if (kind === 'ADDED') this.#beyond += Number(!fits);
    else if (!known && !dropped && fits && this.#beyond > 0) this.#beyond -= 1;
  }

  /** Those that are not known by name come by a list alone. */
  #lookForRoom(): void {
    const { maxObjects, timing } = this.#parts;
    const room = this.#beyond > 0 && this.#leftOut.size === 0 && this.#objects.size < maxObjects;
    if (!room || this.#room !== undefined) return;
    this.#room = setTimeout(() => this.#watch.relist(), timing?.roomMs ?? ROOM_MS).unref();
  }
}
