/** Lines of a byte stream. */

const NEWLINE = 10;

/** Each line without its end; null for one longer than `most` bytes, of which nothing is kept. */
export async function* linesOf(stream: AsyncIterable<Buffer>, most: number): AsyncGenerator<string | null> {
  let pieces: Buffer[] = [];
  let size = 0;
  const end = (): string | null => {
    const line = size > most ? null : Buffer.concat(pieces, size).toString('utf8');
    pieces = [];
    size = 0;
    return line;
  };
  const add = (piece: Buffer): void => {
    size += piece.length;
    if (size > most) pieces = [];
    else pieces.push(piece);
  };
  for await (const piece of stream) {
    let from = 0;
    for (let at = piece.indexOf(NEWLINE); at !== -1; at = piece.indexOf(NEWLINE, from)) {
      add(piece.subarray(from, at));
      from = at + 1;
      const line = end();
      if (line !== '') yield line;
    }
    if (from < piece.length) add(piece.subarray(from));
  }
  // What has no end was cut off.
}
