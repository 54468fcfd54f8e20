/**
 * How often each value came, and the most frequent ones: count-min (Cormode and Muthukrishnan 2005) of 4 rows of 256
 * counters, with two halves of one hash for all rows (Kirsch and Mitzenmacher 2006). An estimate is never too small; it is
 * too large by more than e/256 = 1.1 % of everything counted with a probability of e^-4 = 1.8 %. The 32 most frequent
 * are kept as hashes. At most 6.5 KB; some 350 bytes with 20 values.
 */
import { NumberReader, SketchError, writeNumber } from './bytes.ts';

const ROWS = 4;
const WIDTH = 256;
const TOP = 32;
const HASH_BYTES = 8;
const MOST = 0xffffffff;

export interface Frequent {
  /** 16 hexadecimal digits. */
  readonly hash: string;
  readonly count: number;
}

export class Frequency {
  static readonly kind = 'frequency';
  static readonly version = 1;
  static readonly params = 'cm,4x256,top=32';
  readonly #counters = new Uint32Array(ROWS * WIDTH);
  /** By hash in hex; what they count is asked of the counters. */
  #top = new Set<string>();
  #total = 0;

  /** `hash`: 8 bytes of a keyed hash. */
  add(hash: Uint8Array, count: number): void {
    for (const at of places(hash)) this.#counters[at] = Math.min((this.#counters[at] ?? 0) + count, MOST);
    this.#total = Math.min(this.#total + count, Number.MAX_SAFE_INTEGER);
    this.#top.add(Buffer.from(hash).toString('hex'));
    if (this.#top.size > TOP) this.#prune();
  }

  merge(other: Frequency): void {
    for (const [at, count] of other.#counters.entries())
      this.#counters[at] = Math.min((this.#counters[at] ?? 0) + count, MOST);
    this.#total = Math.min(this.#total + other.#total, Number.MAX_SAFE_INTEGER);
    for (const hash of other.#top) this.#top.add(hash);
    if (this.#top.size > TOP) this.#prune();
  }

  get total(): number {
    return this.#total;
  }

  get empty(): boolean {
    return this.#total === 0;
  }

  estimate(hash: Uint8Array): number {
    return Math.min(...places(hash).map((at) => this.#counters[at] ?? 0));
  }

  /** Most frequent first; of equals, by hash. */
  top(): Frequent[] {
    return [...this.#top]
      .map((hash) => ({ hash, count: this.estimate(Buffer.from(hash, 'hex')) }))
      .sort((a, b) => b.count - a.count || (a.hash < b.hash ? -1 : 1));
  }

  /** Total; how many of the top and each; then counters that are not 0: how far after the one before, and the count. */
  encode(): Uint8Array {
    const bytes: number[] = [];
    writeNumber(bytes, this.#total);
    const top = [...this.#top].sort();
    writeNumber(bytes, top.length);
    for (const hash of top) bytes.push(...Buffer.from(hash, 'hex'));
    let before = -1;
    for (const [at, count] of this.#counters.entries()) {
      if (count === 0) continue;
      writeNumber(bytes, at - before - 1);
      writeNumber(bytes, count);
      before = at;
    }
    return Uint8Array.from(bytes);
  }

  /** @throws SketchError */
  static decode(bytes: Uint8Array): Frequency {
    const made = new Frequency();
    const reader = new NumberReader(bytes);
    made.#total = reader.next();
    const top = reader.next();
    if (top > TOP) throw new SketchError(`${top} values in the top, more than ${TOP}`);
    for (let i = 0; i < top; i += 1) made.#top.add(Buffer.from(reader.take(HASH_BYTES)).toString('hex'));
    for (let at = -1; !reader.done; ) {
      at += reader.next() + 1;
      const count = reader.next();
      if (at >= ROWS * WIDTH || count === 0 || count > MOST) throw new SketchError(`counter ${at}: ${count}`);
      made.#counters[at] = count;
    }
    return made;
  }

  #prune(): void {
    this.#top = new Set(
      this.top()
        .slice(0, TOP)
        .map(({ hash }) => hash),
    );
  }
}

function places(hash: Uint8Array): number[] {
  const view = new DataView(hash.buffer, hash.byteOffset, HASH_BYTES);
  const [first, step] = [view.getUint32(0), view.getUint32(4) | 1];
  return Array.from({ length: ROWS }, (_, row) => row * WIDTH + (((first + row * step) >>> 0) % WIDTH));
}
