/**
 * Pairs of operations: which system call a thread makes right after which. In the kernel a pair is one bit of 8 KiB, at
 * id(previous) * 256 + id(current); as a fact it has names, `open>mprotect`, which hold on any kernel.
 */
import type { PairEvent } from '../events/event.ts';
import { callIds, operationNames } from './call-ids.ts';
import type { Fact } from './fact.ts';
import type { Architecture } from './syscalls.ts';

export const PAIR_BYTES = 8192;
/** Facts kept ready, so that the same pair is the same text in every baseline: some 100 bytes each. */
const MAX_READY = 8192;

/** Indexes of the bits that are set, ascending. */
export function pairsIn(bits: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 0; at < bits.length; at++) {
    let byte = bits[at] ?? 0;
    for (; byte !== 0; byte &= byte - 1) found.push(at * 8 + (31 - Math.clz32(byte & -byte)));
  }
  return found;
}

export class Pairs {
  readonly #ids: Uint8Array;
  readonly #names: readonly string[];
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #ready = new Map<number, Fact>();

  constructor(architecture: Architecture) {
    this.#ids = callIds(architecture);
    this.#names = operationNames(architecture);
    this.#idOf = new Map(this.#names.map((name, id) => [name, id] as const).slice(1));
  }

  indexOf({ previous, current }: Pick<PairEvent, 'previous' | 'current'>): number {
    return (this.#ids[previous] ?? 0) * 256 + (this.#ids[current] ?? 0);
  }

  /** Null where one of the two is no operation: a recording may hold anything. */
  fact(index: number): Fact | null {
    const ready = this.#ready.get(index);
    if (ready !== undefined) return ready;
    const [previous = '', current = ''] = [this.#names[index >> 8], this.#names[index & 255]];
    if (previous === '' || current === '') return null;
    const fact: Fact = { kind: 'pair', value: `${previous}>${current}` };
    if (this.#ready.size >= MAX_READY) this.#ready.clear();
    this.#ready.set(index, fact);
    return fact;
  }

  /** The kernel's form of a set of pairs; names that this architecture does not have are left out. */
  bits(values: Iterable<string>): Uint8Array {
    const bits = new Uint8Array(PAIR_BYTES);
    for (const value of values) {
      const [previous = '', current = ''] = value.split('>');
      const [from, to] = [this.#idOf.get(previous), this.#idOf.get(current)];
      if (from === undefined || to === undefined) continue;
      const index = from * 256 + to;
      bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
    }
    return bits;
  }
}
