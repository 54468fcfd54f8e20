/**
 * Under which name a container knows the addresses that it connects to, by the DNS answers that it was given. Kept for a
 * container each: two of them may be told different names for one address, where a content network serves both.
 */
import type { DnsEvent } from '../events/event.ts';

/** Of one container; the longest unused goes first. */
const MAX_ADDRESSES = 512;
/** Programs use an address for longer than they were told to, and pools for as long as they live: each use keeps it. */
const KEPT_NS = 30n * 60n * 1_000_000_000n;

interface Known {
  readonly name: string;
  until: bigint;
}

/** What was made of answers, of all containers. */
export interface NameCounts {
  /** Addresses that were told a name. */
  told: number;
  /** Names forgotten for want of room. */
  evicted: number;
  /** Answers not believed: nobody asked for them, or a server that the workload does not use gave them. */
  unasked: number;
  strange: number;
  /** Messages that are none as they must be. */
  odd: number;
}

export class PeerNames {
  readonly #known = new Map<string, Known>();
  readonly #counts: NameCounts;

  constructor(counts: NameCounts) {
    this.#counts = counts;
  }

  get size(): number {
    return this.#known.size;
  }

  /** The addresses of an answer that is to be believed. */
  note({ name, addresses, time }: DnsEvent): void {
    for (const { address, ttlS } of addresses) {
      const told = BigInt(ttlS) * 1_000_000_000n;
      this.#known.delete(address); // so that the map is in the order of use
      this.#known.set(address, { name, until: time + (told > KEPT_NS ? told : KEPT_NS) });
      this.#counts.told += 1;
    }
    for (const address of this.#known.keys()) {
      if (this.#known.size <= MAX_ADDRESSES) break;
      this.#known.delete(address);
      this.#counts.evicted += 1;
    }
  }

  /** The name under which the address was last told, or null; asking keeps nothing. */
  told(address: string, time: bigint): string | null {
    const known = this.#known.get(address);
    return known === undefined || known.until < time ? null : known.name;
  }

  /** The same of an address that is used, which keeps its name. */
  nameOf(address: string, time: bigint): string | null {
    const known = this.#known.get(address);
    if (known === undefined) return null;
    if (known.until < time) {
      this.#known.delete(address);
      return null;
    }
    if (known.until < time + KEPT_NS) known.until = time + KEPT_NS;
    this.#known.delete(address);
    this.#known.set(address, known);
    return known.name;
  }
}
