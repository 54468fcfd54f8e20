/**
 * Frames on their way to the pipeline, in order. A frame is handled at once when nothing waits; when there is more than
 * the loop may be held for, the rest waits for its next turn. Bounded: records that do not fit are counted as lost.
 */
import type { Frame } from '../events/frame.ts';
import { LAYOUT } from '../events/layout.ts';

/** Records handled in one go, bytes: some hundreds of records, about a millisecond. */
const PIECE_BYTES = 64 * 1024;
const HOLD_MS = 3;
const MAX_BYTES = 32 * 1024 * 1024;

/** A batch as pieces of whole records of about `most` bytes. What is no whole record is left to the decoder to tell. */
export function piecesOf(records: Buffer, most = PIECE_BYTES): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  let at = 0;
  while (at + LAYOUT['sizeof record_header'] <= records.length) {
    const size = records.readUInt32LE(at + LAYOUT['record_header.size']);
    if (size < LAYOUT['sizeof record_header'] || at + size > records.length) break;
    if (at + size - from > most && at > from) {
      pieces.push(records.subarray(from, at));
      from = at;
    }
    at += size;
  }
  if (from < records.length) pieces.push(records.subarray(from));
  return pieces;
}

export class FrameQueue {
  /** Bytes of records that did not fit. */
  lostBytes = 0;
  /** Batches of which some or all did not fit. */
  lostBatches = 0;
  private readonly handle: (frame: Frame) => void;
  private readonly maxBytes: number;
  private readonly frames: Frame[] = [];
  private waitingBytes = 0;
  /** When this turn of the loop was held long enough, on the clock of performance.now(); null: not begun. */
  private turnEnds: number | null = null;

  /** `handle` must not throw. */
  constructor(handle: (frame: Frame) => void, maxBytes = MAX_BYTES) {
    this.handle = handle;
    this.maxBytes = maxBytes;
  }

  get waiting(): number {
    return this.frames.length;
  }

  push(frame: Frame): void {
    if (frame.kind !== 'records') this.frames.push(frame);
    else if (this.waitingBytes + frame.bytes.length > this.maxBytes) {
      this.lostBytes += frame.bytes.length;
      this.lostBatches += 1;
    } else {
      for (const bytes of piecesOf(
        Buffer.from(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.length),
      ))
        this.frames.push({ kind: 'records', bytes });
      this.waitingBytes += frame.bytes.length;
    }
    this.run();
  }

  /** Handles everything that waits, however long it takes; for the end. */
  flush(): void {
    for (let frame = this.frames.shift(); frame !== undefined; frame = this.frames.shift()) this.one(frame);
  }

  /** Goes on until this turn of the loop was used long enough; the rest is for the next. */
  private run(): void {
    if (this.turnEnds === null) {
      this.turnEnds = performance.now() + HOLD_MS;
      setImmediate(() => {
        this.turnEnds = null;
        if (this.frames.length > 0) this.run();
      });
    }
    while (performance.now() < this.turnEnds) {
      const frame = this.frames.shift();
      if (frame === undefined) return;
      this.one(frame);
    }
  }

  private one(frame: Frame): void {
    if (frame.kind === 'records') this.waitingBytes -= frame.bytes.length;
    this.handle(frame);
  }
}
