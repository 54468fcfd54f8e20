/**
 * Events of one cluster, at most so many. Who may write Events in a namespace may write any number of them there: they push
 * out the older ones of their own namespace, and nobody else's as long as others have fewer.
 */
export interface Shelved {
  readonly key: string;
  readonly namespace: string;
  readonly lastMs: number;
}
export interface ShelfLimits {
  readonly all: number;
  readonly ofNamespace: number;
}

export class EventShelf<T extends Shelved> {
  readonly #limits: ShelfLimits;
  /** By namespace and key, what was told of last at the end. */
  readonly #of = new Map<string, Map<string, T>>();
  #size = 0;
  #gone = 0;

  constructor(limits: ShelfLimits) {
    this.#limits = limits;
  }

  /** Those that had to leave since everything was listed. */
  get gone(): number {
    return this.#gone;
  }

  all(): T[] {
    return [...this.#of.values()].flatMap((events) => [...events.values()]);
  }

  takeAll(items: readonly T[]): void {
    this.#of.clear();
    this.#size = this.#gone = 0;
    for (const item of items.toSorted((a, b) => a.lastMs - b.lastMs)) this.put(item);
  }

  put(item: T): void {
    this.remove(item);
    const events = this.#of.get(item.namespace) ?? new Map<string, T>();
    this.#of.set(item.namespace, events.set(item.key, item));
    this.#size += 1;
    if (events.size > this.#limits.ofNamespace) this.#letGo(events);
    else if (this.#size > this.#limits.all) this.#letGo(this.#largest());
  }

  remove({ namespace, key }: T): void {
    const events = this.#of.get(namespace);
    if (events?.delete(key) !== true) return;
    this.#size -= 1;
    if (events.size === 0) this.#of.delete(namespace);
  }

  #largest(): Map<string, T> {
    let largest = new Map<string, T>();
    for (const events of this.#of.values()) if (events.size > largest.size) largest = events;
    return largest;
  }

  #letGo(events: Map<string, T>): void {
    const [oldest] = events.values();
    if (oldest === undefined) return;
    this.remove(oldest);
    this.#gone += 1;
  }
}
