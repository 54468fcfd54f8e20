/** One record within a batch, read field by field; every read is within bounds that were checked. */
import type { Process } from './event.ts';
import { LAYOUT } from './layout.ts';

/** Why bytes were not decoded. */
export type DecodeProblem =
  | 'cut' // the batch ends within a record; the rest is skipped
  | 'unknown-kind'
  | 'wrong-size'
  | 'wrong-length' // a length field points beyond its field
  | 'wrong-value'; // an enumeration or number outside its range

const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** What decode.ts counts and skips. */
export class Malformed extends Error {
  readonly problem: DecodeProblem;
  constructor(problem: DecodeProblem) {
    super(problem);
    this.problem = problem;
  }
}

export class Reader {
  readonly #bytes: Buffer;
  readonly #base: number;
  constructor(bytes: Buffer, base: number) {
    this.#bytes = bytes;
    this.#base = base;
  }
  u8(offset: number): number {
    return this.#bytes.readUInt8(this.#base + offset);
  }
  u16(offset: number): number {
    return this.#bytes.readUInt16LE(this.#base + offset);
  }
  u32(offset: number): number {
    return this.#bytes.readUInt32LE(this.#base + offset);
  }
  s64(offset: number): bigint {
    return this.#bytes.readBigInt64LE(this.#base + offset);
  }
  u64(offset: number): bigint {
    return this.#bytes.readBigUInt64LE(this.#base + offset);
  }
  /** A 64-bit value that must be exact as a number. */
  count(offset: number): number {
    const value = this.u64(offset);
    if (value > MAX_EXACT) throw new Malformed('wrong-value');
    return Number(value);
  }
  slice(offset: number, length: number): Buffer {
    return this.#bytes.subarray(this.#base + offset, this.#base + offset + length);
  }
  /** Text of a fixed field, ended by NUL or by the field. */
  text(offset: number, length: number): string {
    const field = this.slice(offset, length);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? length : end);
  }
  /** `used` bytes of a field, split at each NUL. */
  names(offset: number, field: number, used: number): string[] {
    if (used > field) throw new Malformed('wrong-length');
    if (used === 0) return [];
    const text = this.slice(offset, used).toString('utf8');
    return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
  }
}

/** `shadow\0etc\0` → `/etc/shadow`. */
export function pathOf(names: readonly string[], cut: boolean): string {
  const rootFirst = names.toReversed().filter((name) => name !== '' && name !== '/');
  return `${cut ? '…/' : '/'}${rootFirst.join('/')}`;
}

function processOf(reader: Reader): Process {
  return {
    pid: reader.u32(LAYOUT['record_header.pid']),
    start: reader.u64(LAYOUT['record_header.start']),
    parentPid: reader.u32(LAYOUT['record_header.parent_pid']),
    parentStart: reader.u64(LAYOUT['record_header.parent_start']),
    uid: reader.u32(LAYOUT['record_header.uid']),
  };
}

/** What every event has. */
export const baseOf = (reader: Reader) => ({
  time: reader.u64(LAYOUT['record_header.time']),
  cpu: reader.u32(LAYOUT['record_header.cpu']),
  slot: reader.u32(LAYOUT['record_header.slot']),
  cgroup: reader.count(LAYOUT['record_header.cgroup']),
  process: processOf(reader),
});
