/** Makers of DNS messages as bytes. */

const TYPES: Readonly<Record<string, number>> = { A: 1, CNAME: 5, NULL: 10, TXT: 16, AAAA: 28 };

/** `a.b` → its labels, each after its length, and the root. */
export const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name
      .split('.')
      .filter((label) => label !== '')
      .flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]),
    Buffer.from([0]),
  ]);

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);

export interface AnswerRecord {
  /** Null: a pointer to the question's. */
  readonly name: string | null;
  readonly type: string;
  readonly ttlS?: number;
  /** An IPv4 address, a name, or bytes. */
  readonly data: string | Buffer;
}

function recordBytes({ name, type, ttlS = 60, data }: AnswerRecord): Buffer {
  const bytes = Buffer.isBuffer(data)
    ? data
    : type === 'A'
      ? Buffer.from(data.split('.').map(Number))
      : nameBytes(data);
  const ttl = Buffer.alloc(4);
  ttl.writeUInt32BE(ttlS);
  const owner = name === null ? Buffer.from([0xc0, 12]) : nameBytes(name);
  return Buffer.concat([owner, u16(TYPES[type] ?? 0), u16(1), ttl, u16(bytes.length), bytes]);
}

const message = (id: number, flags: number, question: Buffer, records: readonly AnswerRecord[]): Buffer =>
  Buffer.concat([...[id, flags, 1, records.length, 0, 0].map(u16), question, ...records.map(recordBytes)]);

const questionBytes = (name: string, type: string): Buffer =>
  Buffer.concat([nameBytes(name), u16(TYPES[type] ?? 0), u16(1)]);

export const question = (name: string, type = 'A', id = 0x1234): Buffer =>
  message(id, 0x0100, questionBytes(name, type), []);

export const answer = (
  name: string,
  records: readonly AnswerRecord[],
  { type = 'A', code = 0, id = 0x1234 } = {},
): Buffer => message(id, 0x8180 | code, questionBytes(name, type), records);
