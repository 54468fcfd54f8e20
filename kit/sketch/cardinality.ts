/**
 * How many different values there were: HyperLogLog (Flajolet et al. 2007) of 64-bit hashes, with the estimator of Ertl
 * (arXiv:1702.01284, algorithm 6), which needs no tables and has no bias between small and large. 4096 registers of 6
 * bits: standard error 1.04 / sqrt(4096) = 1.6 %. At most 3072 bytes; 3 a value while there are fewer than 1024.
 */
import { SketchError } from './bytes.ts';

const P = 12;
const REGISTERS = 1 << P;
/** Bits of a hash that are not the register's number. */
const Q = 64 - P;
const DENSE_BYTES = (REGISTERS * 6) / 8;
/** Up to so many registers in use, a list of them is smaller. */
const MOST_LISTED = DENSE_BYTES / 3 - 1;

export class Cardinality {
  static readonly kind = 'cardinality';
  static readonly version = 1;
  static readonly params = 'hll,p=12,bits=64';
  /** Registers in use by number; most workloads have few. Null once there are many. */
  #few: Map<number, number> | null = new Map();
  #all: Uint8Array | null = null;

  /** `hash`: 8 bytes of a keyed hash. */
  add(hash: Uint8Array): void {
    const view = new DataView(hash.buffer, hash.byteOffset, 8);
    const high = view.getUint32(0);
    const below = high & 0xfffff;
    const zeros = below === 0 ? 20 + Math.clz32(view.getUint32(4)) : Math.clz32(below) - P;
    this.#raise(high >>> (32 - P), zeros + 1);
  }

  merge(other: Cardinality): void {
    for (const [register, rank] of other.#registers()) this.#raise(register, rank);
  }

  get empty(): boolean {
    return this.#few?.size === 0;
  }

  estimate(): number {
    const histogram = new Array<number>(Q + 2).fill(0);
    let used = 0;
    for (const [, rank] of this.#registers()) {
      histogram[rank] = (histogram[rank] ?? 0) + 1;
      used += 1;
    }
    let z = REGISTERS * tau(1 - (histogram[Q + 1] ?? 0) / REGISTERS);
    for (let rank = Q; rank >= 1; rank -= 1) z = (z + (histogram[rank] ?? 0)) / 2;
    z += REGISTERS * sigma((REGISTERS - used) / REGISTERS);
    return REGISTERS ** 2 / (2 * Math.LN2 * z);
  }

  /** A list of 3 bytes each (18 bits: register, rank) in order, or all registers of 6 bits. The length says which. */
  encode(): Uint8Array {
    const list = [...this.#registers()].sort(([a], [b]) => a - b);
    if (list.length <= MOST_LISTED)
      return Uint8Array.from(
        list.flatMap(([register, rank]) => [register >>> 4, (register & 15) << 4, rank]),
      );
    const bytes = new Uint8Array(DENSE_BYTES);
    for (const [register, rank] of list) {
      const at = Math.floor((register * 6) / 8);
      const shift = (register * 6) % 8;
      bytes[at] = (bytes[at] ?? 0) | ((rank << shift) & 255);
      if (shift > 2) bytes[at + 1] = (bytes[at + 1] ?? 0) | (rank >>> (8 - shift));
    }
    return bytes;
  }

  /** @throws SketchError */
  static decode(bytes: Uint8Array): Cardinality {
    const made = new Cardinality();
    if (bytes.length === DENSE_BYTES) readDense(bytes, (register, rank) => made.#raise(register, rank));
    else readList(bytes, (register, rank) => made.#raise(register, rank));
    return made;
  }

  #raise(register: number, rank: number): void {
    if (this.#few !== null) {
      if ((this.#few.get(register) ?? 0) < rank) this.#few.set(register, rank);
      if (this.#few.size > MOST_LISTED) this.#spread(this.#few);
    } else if (this.#all !== null && (this.#all[register] ?? 0) < rank) this.#all[register] = rank;
  }

  #spread(few: ReadonlyMap<number, number>): void {
    this.#all = new Uint8Array(REGISTERS);
    for (const [register, rank] of few) this.#all[register] = rank;
    this.#few = null;
  }

  *#registers(): Generator<readonly [number, number]> {
    if (this.#few !== null) yield* this.#few;
    for (const [register, rank] of this.#all?.entries() ?? []) if (rank > 0) yield [register, rank];
  }
}

type Take = (register: number, rank: number) => void;

function readDense(bytes: Uint8Array, take: Take): void {
  for (let register = 0; register < REGISTERS; register += 1) {
    const at = Math.floor((register * 6) / 8);
    const both = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    const rank = (both >>> ((register * 6) % 8)) & 63;
    if (rank > Q + 1) throw new SketchError(`register ${register}: rank ${rank}`);
    if (rank > 0) take(register, rank);
  }
}

function readList(bytes: Uint8Array, take: Take): void {
  if (bytes.length % 3 !== 0 || bytes.length / 3 > MOST_LISTED)
    throw new SketchError(`cardinality of ${bytes.length} bytes`);
  let before = -1;
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second = 0, rank = 0] = bytes.subarray(at, at + 3);
    const register = (first << 4) | (second >>> 4);
    if (register <= before || rank === 0 || rank > Q + 1)
      throw new SketchError(`register ${register}: rank ${rank}, after ${before}`);
    before = register;
    take(register, rank);
  }
}

function sigma(part: number): number {
  if (part === 1) return Number.POSITIVE_INFINITY;
  let [x, y, z] = [part, 1, part];
  for (let before = Number.NaN; before !== z; ) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(part: number): number {
  if (part === 0 || part === 1) return 0;
  let [x, y, z] = [part, 1, 1 - part];
  for (let before = Number.NaN; before !== z; ) {
    x = Math.sqrt(x);
    before = z;
    y /= 2;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
