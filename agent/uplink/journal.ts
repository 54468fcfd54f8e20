/**
 * One segment of the spool: entries in the order they were made, behind a header that says when and in which boot.
 * An entry's payload is one encoded message and its `field` is where that message goes in Summary, so that a segment
 * becomes a summary by copying. Layout, little-endian: header = magic, boot id, boot ns, wall ms; entry = length of
 * payload, CRC-32 of field and payload, field, payload.
 */
import {
  closeSync,
  fdatasync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';

const MAGIC = 'PKTJ0001';
const BOOT_BYTES = 36;
export const HEADER_BYTES = MAGIC.length + BOOT_BYTES + 16;
export const ENTRY_HEAD_BYTES = 9;
/** A single entry may be no longer, so that a wrong length is not taken for a large entry. */
export const MAX_ENTRY_BYTES = 64 * 1024;

export interface JournalHeader {
  readonly boot: string;
  readonly bootNs: bigint;
  readonly wallMs: number;
}
export interface Entry {
  /** Field number in Summary. */
  readonly field: number;
  readonly payload: Uint8Array;
}
export interface JournalContent {
  readonly header: JournalHeader;
  readonly entries: readonly Entry[];
  /** Up to the end of the last whole entry. */
  readonly goodBytes: number;
  /** Bytes behind it: a write that was cut short. */
  readonly tornBytes: number;
}

function encodeHeader(header: JournalHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.write(header.boot, MAGIC.length, BOOT_BYTES, 'latin1');
  bytes.writeBigUInt64LE(header.bootNs, MAGIC.length + BOOT_BYTES);
  bytes.writeBigUInt64LE(BigInt(header.wallMs), MAGIC.length + BOOT_BYTES + 8);
  return bytes;
}

function encodeEntry(entry: Entry): Buffer {
  const bytes = Buffer.allocUnsafe(ENTRY_HEAD_BYTES + entry.payload.length);
  bytes.writeUInt32LE(entry.payload.length, 0);
  bytes.writeUInt8(entry.field, 8);
  bytes.set(entry.payload, ENTRY_HEAD_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

/** Reads a segment up to the first entry that is not whole; null when not even its header is. */
export function parseJournal(bytes: Buffer): JournalContent | null {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return null;
  const header = {
    boot: bytes.toString('latin1', MAGIC.length, MAGIC.length + BOOT_BYTES),
    bootNs: bytes.readBigUInt64LE(MAGIC.length + BOOT_BYTES),
    wallMs: Number(bytes.readBigUInt64LE(MAGIC.length + BOOT_BYTES + 8)),
  };
  const entries: Entry[] = [];
  let at = HEADER_BYTES;
  while (at + ENTRY_HEAD_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    const end = at + ENTRY_HEAD_BYTES + length;
    if (length > MAX_ENTRY_BYTES || end > bytes.length) break;
    if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, end))) break;
    entries.push({ field: bytes.readUInt8(at + 8), payload: bytes.subarray(at + ENTRY_HEAD_BYTES, end) });
    at = end;
  }
  return { header, entries, goodBytes: at, tornBytes: bytes.length - at };
}

/** Reads a segment that an earlier agent left and cuts a torn tail off the file. */
export function recoverJournal(path: string): JournalContent | null {
  const content = parseJournal(readFileSync(path));
  if (content !== null && content.tornBytes > 0) truncateSync(path, content.goodBytes);
  return content;
}

/** A segment that is being written. */
export class Journal {
  readonly path: string;
  bytes = HEADER_BYTES;
  entries = 0;
  private readonly file: number;
  private synced = 0;
  private closed = false;

  /** @throws the file system's error when it cannot be made. */
  constructor(path: string, header: JournalHeader) {
    this.path = path;
    this.file = openSync(path, 'ax', 0o600);
    const bytes = encodeHeader(header);
    try {
      if (writeSync(this.file, bytes) !== bytes.length) throw new Error(`${path}: no room for its header`);
    } catch (error) {
      closeSync(this.file);
      rmSync(path);
      throw error;
    }
  }

  /** Whole or not at all. Once it returned the entry survives the agent's death. @throws when it was not written. */
  append(entry: Entry): void {
    const bytes = encodeEntry(entry);
    let written = 0;
    try {
      written = writeSync(this.file, bytes);
      if (written !== bytes.length)
        throw new Error(`${this.path}: wrote ${written} of ${bytes.length} bytes`);
    } catch (error) {
      // A full disk takes the first part of a write; the next entry must not stand behind half of this one.
      ftruncateSync(this.file, this.bytes);
      throw error;
    }
    this.bytes += bytes.length;
    this.entries += 1;
  }

  /** Hands what was written to the disk, without waiting for it on this thread. */
  async sync(): Promise<void> {
    const bytes = this.bytes;
    if (this.closed || bytes === this.synced) return;
    await new Promise<void>((resolve, reject) => {
      fdatasync(this.file, (error) => (error && error.code !== 'EBADF' ? reject(error) : resolve()));
    });
    this.synced = bytes;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    closeSync(this.file);
  }
}
