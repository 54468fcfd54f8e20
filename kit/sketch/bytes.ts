/** Whole numbers up to 2^53 - 1 as varints: seven bits a byte, lowest first. What is read may come from a hostile node. */

/** Bytes that are no sketch of its kind. `code` is PICKET_SKETCH. */
export class SketchError extends Error {
  readonly code = 'PICKET_SKETCH';
  constructor(message: string) {
    super(message);
    this.name = 'SketchError';
  }
}

export function writeNumber(into: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    into.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  into.push(rest);
}

export class NumberReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @throws SketchError at the end, and for what is no such number. */
  next(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new SketchError('cut in a number');
      this.#at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return checked(value);
    }
    throw new SketchError('a number of more than eight bytes');
  }

  take(count: number): Uint8Array {
    const piece = this.#bytes.subarray(this.#at, this.#at + count);
    if (piece.length !== count) throw new SketchError('cut');
    this.#at += count;
    return piece;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @throws SketchError when there is more. */
  end(): void {
    if (!this.done) throw new SketchError('bytes after its end');
  }
}

function checked(value: number): number {
  if (!Number.isSafeInteger(value)) throw new SketchError('a number above 2^53 - 1');
  return value;
}
