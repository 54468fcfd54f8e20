/**
 * By which keys the kernel side knows what workloads do. A key is the same for the same thing in every container, as
 * long as the probe runs; it comes with the record that tells the thing, and is given back once the thing is accepted.
 */
import type { Fact } from '../features/fact.ts';

/** Of one slot: half of the places that the kernel side has, so that hardly a key finds its bucket full. */
export const MAX_LOADED = 512;
/** Of one workload, and of all, some 200 bytes each: those that were not told for longest leave, and are told again. */
const MAX_OF_WORKLOAD = 2048;
const MAX_KEYS = 16_384;

export class Keys {
  readonly #workloads = new Map<string, Map<bigint, Fact>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  note(workload: string, key: bigint, fact: Fact): void {
    const keys = this.#workloads.get(workload) ?? new Map<bigint, Fact>();
    this.#workloads.delete(workload);
    this.#workloads.set(workload, keys);
    if (!keys.delete(key)) this.#size += 1;
    keys.set(key, fact);
    if (keys.size > MAX_OF_WORKLOAD) this.#drop(keys);
    while (this.#size > MAX_KEYS) this.#dropOldest();
  }

  /** Keys of what the workload is accepted to do, the latest told first. */
  accepted(workload: string, accepts: (fact: Fact) => boolean): BigUint64Array {
    const found: bigint[] = [];
    for (const [key, fact] of this.#workloads.get(workload) ?? []) if (accepts(fact)) found.push(key);
    return BigUint64Array.from(found.slice(-MAX_LOADED));
  }

  #drop(keys: Map<bigint, Fact>): void {
    const [oldest] = keys.keys();
    if (oldest !== undefined && keys.delete(oldest)) this.#size -= 1;
  }

  /** Of the workload that was silent for longest. */
  #dropOldest(): void {
    const [entry] = this.#workloads;
    if (entry === undefined) return;
    const [workload, keys] = entry;
    this.#drop(keys);
    if (keys.size === 0) this.#workloads.delete(workload);
  }
}
