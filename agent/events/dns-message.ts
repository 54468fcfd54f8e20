/**
 * As much of a DNS message as picket uses: its first question, and of its answers those that tell addresses and aliases
 * of that question's name (RFC 1035, 3596). The bytes are a stranger's and may be cut: nothing here throws, what does
 * not hold is told as `odd`, and what was read until then is kept. A pointer in a name must point to before the name
 * that it is in, so that no chain of them is longer than the message (RFC 1035, 4.1.4: "a prior occurrence").
 */
import { addressText } from './kinds/address.ts';

const HEADER_BYTES = 12;
/** RFC 1035, 2.3.4, with the lengths of labels. */
const MAX_NAME_BYTES = 255;
const MAX_RECORDS = 64;
/** Of a chain; each may be 255 bytes that two bytes point to. */
const MAX_ALIASES = 6;

const TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  10: 'NULL',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  64: 'SVCB',
  65: 'HTTPS',
  251: 'IXFR',
  252: 'AXFR',
  255: 'ANY',
};
const CODES = ['ok', 'format-error', 'server-failure', 'no-such-name', 'not-implemented', 'refused'] as const;

/** Why a message is none as RFC 1035 wants it. */
export type Oddity =
  | 'loop' // a name points to itself or to what comes after it
  | 'long-name'
  | 'label' // of a kind that does not exist
  | 'short' // it ends within what it promises
  | 'no-question';

export interface DnsMessage {
  readonly id: number;
  /** Lower case, without the last dot; a byte that is no letter, digit, hyphen or underscore is `\ddd`. Empty: the root. */
  readonly name: string;
  /** `A`, or `TYPE1234` for those without a name here. */
  readonly type: string;
  /** `ok`, `no-such-name` or `code-9`. */
  readonly code: string;
  readonly addresses: readonly { readonly address: string; readonly ttlS: number }[];
  /** Names that the question's name stands for, in the order of the answer. */
  readonly aliases: readonly string[];
  readonly odd: Oddity | null;
}

class Odd extends Error {
  readonly oddity: Oddity;
  constructor(oddity: Oddity) {
    super(oddity);
    this.oddity = oddity;
  }
}

function characterText(byte: number): string {
  const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
  const plain =
    (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f;
  return plain ? String.fromCharCode(lower) : `\\${String(byte).padStart(3, '0')}`;
}

/** Most labels are plain, and these are quick. */
function labelText(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  return /^[\w-]*$/.test(text) ? text.toLowerCase() : Array.from(bytes, characterText).join('');
}

class Message {
  readonly #bytes: Buffer;
  /** Of what comes next. */
  at = HEADER_BYTES;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  u8(at: number): number {
    const byte = this.#bytes[at];
    if (byte === undefined) throw new Odd('short');
    return byte;
  }
  u16(at: number): number {
    return (this.u8(at) << 8) | this.u8(at + 1);
  }
  u32(at: number): number {
    return this.u16(at) * 65_536 + this.u16(at + 2);
  }
  slice(at: number, length: number): Buffer {
    if (at + length > this.#bytes.length) throw new Odd('short');
    return this.#bytes.subarray(at, at + length);
  }
  /** The name at `at`; what comes next is behind it. */
  name(): string {
    const { text, end } = this.#nameAt(this.at);
    this.at = end;
    return text;
  }
  nameAt(at: number): string {
    return this.#nameAt(at).text;
  }
  #nameAt(start: number): { text: string; end: number } {
    const labels: string[] = [];
    let [at, before, bytes, end] = [start, start, 0, -1];
    for (;;) {
      const length = this.u8(at);
      if (length === 0) return { text: labels.join('.'), end: end < 0 ? at + 1 : end };
      if (length >= 0xc0) {
        const to = this.u16(at) & 0x3fff;
        if (end < 0) end = at + 2;
        if (to >= before) throw new Odd('loop');
        at = before = to;
        continue;
      }
      if (length > 63) throw new Odd('label');
      bytes += length + 1;
      if (bytes >= MAX_NAME_BYTES) throw new Odd('long-name');
      labels.push(labelText(this.slice(at + 1, length)));
      at += length + 1;
    }
  }
}

interface Found {
  readonly addresses: { address: string; ttlS: number }[];
  readonly aliases: string[];
}

/** One record; it counts when it is of the question's name, or of a name that this stands for by the records before. */
function readRecord(message: Message, question: string, { addresses, aliases }: Found): void {
  const owner = message.name();
  const [type, ttlS, length] = [
    message.u16(message.at),
    message.u32(message.at + 4),
    message.u16(message.at + 8),
  ];
  const data = message.at + 10;
  message.at = data + length;
  if (owner !== question && !aliases.includes(owner)) return;
  if (type === 5 && aliases.length < MAX_ALIASES) aliases.push(message.nameAt(data));
  else if (type === 1 && length === 4)
    addresses.push({ address: addressText(4, message.slice(data, 4)), ttlS });
  else if (type === 28 && length === 16)
    addresses.push({ address: addressText(6, message.slice(data, 16)), ttlS });
}

/** The message whose first bytes these are. */
export function readDns(bytes: Buffer): DnsMessage {
  const message = new Message(bytes);
  const found: Found = { addresses: [], aliases: [] };
  let [id, name, type, code] = [0, '', '', ''];
  let odd: Oddity | null = null;
  try {
    id = message.u16(0);
    const number = message.u8(3) & 15;
    code = CODES[number] ?? `code-${number}`;
    if (message.u16(4) === 0) throw new Odd('no-question');
    name = message.name();
    type = typeText(message.u16(message.at));
    message.at += 4;
    const count = Math.min(message.u16(6), MAX_RECORDS);
    for (let i = 0; i < count; i++) readRecord(message, name, found);
  } catch (error) {
    if (!(error instanceof Odd)) throw error;
    odd = error.oddity;
  }
  return { id, name, type, code, ...found, odd };
}

const typeText = (number: number): string => TYPES[number] ?? `TYPE${number}`;
