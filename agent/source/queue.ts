/**
 * Frames on their way to the pipeline, in order, each in steps. A frame is handled at once when nothing waits; when there
 * is more than the loop may be held for, the rest waits for its next turn. Bounded: records that do not fit are counted
 * as lost.
 */
import type { Frame } from '../events/frame.ts';
import { LAYOUT } from '../events/layout.ts';

/** Records decoded in one go, bytes: about a hundred records, some tenths of a millisecond. */
const PIECE_BYTES = 16 * 1024;
/** With one step too many, a garbage collection and whoever called us, this stays below 5 ms. */
const HOLD_MS = 2;
const MAX_BYTES = 32 * 1024 * 1024;

/** Where each whole record of a batch ends. */
function* endsIn(records: Buffer): Generator<number> {
  for (let at = 0; at + LAYOUT['sizeof record_header'] <= records.length; ) {
    const size = records.readUInt32LE(at + LAYOUT['record_header.size']);
    if (size < LAYOUT['sizeof record_header'] || at + size > records.length) return;
    at += size;
    yield at;
  }
}

/** A batch as pieces of whole records of about `most` bytes. What is no whole record is left to the decoder to tell. */
export function piecesOf(records: Buffer, most = PIECE_BYTES): Buffer[] {
  if (records.length > 0 && records.length <= most) return [records];
  const pieces: Buffer[] = [];
  let from = 0;
  let before = 0;
  for (const end of endsIn(records)) {
    if (end - from > most && before > from) {
      pieces.push(records.subarray(from, before));
      from = before;
    }
    before = end;
  }
  if (from < records.length) pieces.push(records.subarray(from));
  return pieces;
}

export class FrameQueue {
  /** Records that did not fit. */
  lostRecords = 0;
  private readonly handle: (frame: Frame) => Iterator<void>;
  private readonly maxBytes: number;
  private readonly frames: Frame[] = [];
  private waitingBytes = 0;
  /** Steps left of the frame that was begun last. */
  private begun: Iterator<void> | null = null;
  /** When this turn of the loop was held long enough, on the clock of performance.now(); null: not begun. */
  private turnEnds: number | null = null;

  /** `handle` gives the steps of a frame; they must not throw. */
  constructor(handle: (frame: Frame) => Iterator<void>, maxBytes = MAX_BYTES) {
    this.handle = handle;
    this.maxBytes = maxBytes;
  }

  get waiting(): number {
    return this.frames.length + (this.begun === null ? 0 : 1);
  }

  push(frame: Frame): void {
    if (frame.kind !== 'records') this.frames.push(frame);
    else this.pushRecords(Buffer.from(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.length));
    this.run();
  }

  /** Handles everything that waits, however long it takes; for the end. */
  flush(): void {
    while (this.step());
  }

  private pushRecords(records: Buffer): void {
    if (this.waitingBytes + records.length > this.maxBytes) {
      for (const _ of endsIn(records)) this.lostRecords += 1;
      return;
    }
    for (const bytes of piecesOf(records)) this.frames.push({ kind: 'records', bytes });
    this.waitingBytes += records.length;
  }

  /** Goes on until this turn of the loop was used long enough; the rest is for the next. */
  private run(): void {
    if (this.turnEnds === null) {
      this.turnEnds = performance.now() + HOLD_MS;
      setImmediate(() => {
        this.turnEnds = null;
        if (this.waiting > 0) this.run();
      });
    }
    while (performance.now() < this.turnEnds && this.step());
  }

  /** One step; false when nothing waits. */
  private step(): boolean {
    this.begun ??= this.begin();
    if (this.begun === null) return false;
    if (this.begun.next().done === true) this.begun = null;
    return true;
  }

  private begin(): Iterator<void> | null {
    const frame = this.frames.shift();
    if (frame === undefined) return null;
    if (frame.kind === 'records') this.waitingBytes -= frame.bytes.length;
    return this.handle(frame);
  }
}
