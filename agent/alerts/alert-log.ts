/**
 * The alert log: one JSON object per line, written synchronously in one write each, appended to a file that others
 * may rename away (logrotate, with or without copytruncate) and that rotates by itself at a size. When the file
 * cannot be written, lines wait in a bounded queue and are tried again; what does not fit is counted. Nothing here
 * throws after construction. A line that `write` returned true for is with the kernel, not yet on the disk: it survives
 * the end of the process, not the loss of power.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

export interface AlertLogOptions {
  readonly path: string;
  /** Rotated before it grows beyond this, bytes. */
  readonly maxBytes: number;
  /** Rotated files kept: PATH.1 is the newest. */
  readonly keep: number;
  /** Also given each line, such as standard output. */
  readonly copy?: (line: string) => void;
}

export interface AlertLogCounts {
  written: number;
  /** Lines that did not fit the queue while the file could not be written. */
  dropped: number;
  /** Failed attempts to write, open or rotate. */
  errors: number;
}

const MAX_WAITING_BYTES = 4 * 1024 * 1024;
// Beyond the control characters that JSON escapes: C1 controls, line separators and direction marks act on terminals.
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const escapeUnsafe = (line: string): string =>
  line.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

const LINE_END = Buffer.from('\n');

/** Whether a writer died in the middle of its last line, of which ours must not become a part. */
function isTorn(path: string, size: number): boolean {
  const fd = openSync(path, 'r');
  try {
    const last = Buffer.alloc(1);
    return readSync(fd, last, 0, 1, size - 1) === 1 && !last.equals(LINE_END);
  } finally {
    closeSync(fd);
  }
}

export class AlertLog {
  readonly counts: AlertLogCounts = { written: 0, dropped: 0, errors: 0 };
  readonly #options: AlertLogOptions;
  #fd: number | null = null;
  #inode = -1;
  #bytes = 0;
  /** Whole lines not yet written, but for the first, of which a part may be. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lastError: string | null = null;

  constructor(options: AlertLogOptions) {
    this.#options = options;
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
  }

  /** Why the file could not be written last time, or null when it could. */
  get lastError(): string | null {
    return this.#lastError;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** True when the line is in the file. */
  write(line: Record<string, unknown>): boolean {
    this.#line(`${escapeUnsafe(JSON.stringify(line))}\n`);
    return this.#waiting.length === 0;
  }

  /** Tries again what is waiting; to be called now and then. */
  flush(): boolean {
    if (this.#waiting.length > 0) this.#drain();
    return this.#waiting.length === 0;
  }

  close(): void {
    this.flush();
    this.#closeFile();
  }

  #line(line: string): void {
    this.#options.copy?.(line);
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.counts.dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#drain();
  }

  #drain(): void {
    try {
      for (let [line] = this.#waiting; line !== undefined; [line] = this.#waiting) {
        const fd = this.#file(line.length);
        const [bytes = line] = this.#waiting;
        const written = writeSync(fd, bytes);
        this.#bytes += written;
        this.#waitingBytes -= written;
        if (written < bytes.length) {
          this.#waiting[0] = bytes.subarray(written);
          continue;
        }
        this.#waiting.shift();
        this.counts.written += 1;
      }
      this.#lastError = null;
    } catch (error) {
      this.counts.errors += 1;
      this.#lastError = (error as Error).message;
    }
  }

  /** The open file, made anew when it was renamed or removed by others and rotated when it is full. */
  #file(adding: number): number {
    if (this.#fd !== null && this.#moved()) this.#closeFile();
    const fd = this.#fd ?? this.#openFile();
    if (this.#bytes === 0 || this.#bytes + adding <= this.#options.maxBytes) return fd;
    this.#closeFile();
    this.#rotate();
    return this.#openFile();
  }

  /** Also brings our idea of its size up to date: copytruncate makes it shorter. */
  #moved(): boolean {
    const found = statSync(this.#options.path, { throwIfNoEntry: false });
    if (found === undefined || found.ino !== this.#inode) return true;
    this.#bytes = found.size;
    return false;
  }

  #openFile(): number {
    const { path } = this.#options;
    const fd = openSync(path, 'a', 0o600);
    const { ino, size } = fstatSync(fd);
    this.#fd = fd;
    this.#inode = ino;
    this.#bytes = size;
    // The first line that waits brings the end of the torn one: one write, which fails or succeeds with it.
    const [first] = this.#waiting;
    if (first !== undefined && size > 0 && isTorn(path, size)) {
      this.#waiting[0] = Buffer.concat([LINE_END, first]);
      this.#waitingBytes += LINE_END.length;
    }
    return fd;
  }

  #rotate(): void {
    const { path, keep } = this.#options;
    for (let n = keep - 1; n >= 0; n--) {
      const from = n === 0 ? path : `${path}.${n}`;
      if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${path}.${n + 1}`);
    }
  }

  #closeFile(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}
