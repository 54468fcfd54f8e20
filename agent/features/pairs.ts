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
  // Most words are 0, and every slot that learns is read each window. Both architectures are little-endian.
  const aligned = bits.byteOffset % 4 === 0 ? bits : new Uint8Array(bits);
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2);
  for (let at = 0; at < words.length; at++)
    for (let word = words[at] ?? 0; word !== 0; word &= word - 1)
      found.push(at * 32 + (31 - Math.clz32(word & -word)));
  return found;
}

export class Pairs {
  readonly #ids: Uint8Array;
  readonly #names: readonly string[];
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #ready = new Map<number, Fact>();
  readonly #indexes = new Map<string, number>();

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
      const index = this.#indexOfValue(value);
      if (index === null) continue;
      bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
    }
    return bits;
  }

  #indexOfValue(value: string): number | null {
    const ready = this.#indexes.get(value);
    if (ready !== undefined) return ready;
    const [previous = '', current = ''] = value.split('>');
    const [from, to] = [this.#idOf.get(previous), this.#idOf.get(current)];
    if (from === undefined || to === undefined) return null;
    if (this.#indexes.size >= MAX_READY) this.#indexes.clear();
    this.#indexes.set(value, from * 256 + to);
    return from * 256 + to;
  }
}
