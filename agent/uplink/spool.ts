/**
 * What central has not accepted yet, on disk and bounded. An append-only journal of small entries, in segments; one
 * segment becomes one summary, whose sequence is the segment's number. A closed segment never changes and is deleted
 * when central has accepted it, so a summary that is sent again is the same to central, and is stored once.
 *
 * What can be lost, and is counted: the oldest segment when the bound is reached (`full`), an entry that the disk did
 * not take (`disk`), one that is too large (`large`), the last entry of an agent that died while writing it (`torn`).
 * An entry survives the agent's death once append() returned, and a power cut once it was synced: each second, one
 * file at a time. Syncing waits on a thread of Node's pool; more of them at once on a slow disk would take all its
 * threads, and with them every look at a file.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../kit/clock.ts';
import { loop } from '../../kit/loop.ts';
import {
  ENTRY_HEAD_BYTES,
  type Entry,
  HEADER_BYTES,
  Journal,
  type JournalContent,
  MAX_ENTRY_BYTES,
  parseJournal,
  recoverJournal,
} from './journal.ts';

export type SpoolLoss = 'full' | 'disk' | 'large' | 'torn';

/** A closed segment as it is to be sent. */
export interface Segment extends JournalContent {
  readonly sequence: number;
}
export interface SpoolOptions {
  readonly folder: string;
  /** This boot's id. */
  readonly boot: string;
  readonly clock: Clock;
  readonly maxBytes: number;
  /** A segment is closed at this size; copying one must not hold the loop. Default 256 KiB. */
  readonly segmentBytes?: number;
  readonly onError: (error: unknown) => void;
}

const SYNC_MS = 1000;
const DROPPED_FILE = 'dropped';
const NAME = /^(\d{16})\.journal$/;
const nameOf = (sequence: number): string => `${String(sequence).padStart(16, '0')}.journal`;

export class Spool {
  /** Entries lost since the agent started, by reason. */
  readonly lost: Record<SpoolLoss, number> = { full: 0, disk: 0, large: 0, torn: 0 };
  private readonly options: SpoolOptions;
  private readonly segmentBytes: number;
  /** Size of each closed segment by sequence, oldest first. */
  private readonly closed = new Map<number, number>();
  private closedBytes = 0;
  private active: Journal | null = null;
  /** Closed segments that are not synced, by sequence; those that central has accepted meanwhile need no syncing. */
  private readonly unsynced = new Map<number, Journal>();
  private sequence: number;
  private sending: number | null = null;
  private droppedSegments: number;
  private readonly stop = new AbortController();
  private readonly syncing: Promise<void>;

  /** Opens the folder, made if missing. @throws when it cannot be read or written. */
  constructor(options: SpoolOptions) {
    this.options = options;
    this.segmentBytes = Math.min(options.segmentBytes ?? 256 * 1024, Math.floor(options.maxBytes / 4));
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.droppedSegments = this.readDropped();
    // A folder that is new begins at the time of day, so that a wiped one never uses a sequence of this boot again.
    this.sequence = this.recover() ?? options.clock.wallMs();
    this.tryOpen();
    // Those without an entry were only there for their number.
    if (this.active !== null)
      for (const [sequence, size] of this.closed) if (size <= HEADER_BYTES) this.remove(sequence);
    this.syncing = loop({ intervalMs: SYNC_MS, signal: this.stop.signal, onError: options.onError }, () =>
      this.sync(),
    );
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.closedBytes + (this.active?.bytes ?? 0);
  }

  /** Segments that are closed and not accepted. */
  get waiting(): number {
    return this.closed.size;
  }

  /** Segments given up for room since the spool was made. */
  get dropped(): number {
    return this.droppedSegments;
  }

  /** Keeps an entry; false when it was lost, which is then counted. */
  append(entry: Entry): boolean {
    if (entry.payload.length > MAX_ENTRY_BYTES) return this.lose('large', 1);
    const size = ENTRY_HEAD_BYTES + entry.payload.length;
    if (this.active !== null && this.active.bytes + size > this.segmentBytes) this.rotate();
    this.makeRoom(size);
    try {
      if (this.active === null) this.open();
      this.active?.append(entry);
      return true;
    } catch (error) {
      this.options.onError(error);
      return this.lose('disk', 1);
    }
  }

  /**
   * The oldest segment, closing the active one when nothing else waits; null when there is nothing. `evenEmpty`:
   * also one without entries, so that central hears from the node.
   */
  async next(options: { evenEmpty: boolean }): Promise<Segment | null> {
    if (this.closed.size === 0 && (options.evenEmpty || (this.active?.entries ?? 0) > 0)) this.rotate();
    for (const sequence of this.closed.keys()) {
      const content = parseJournal(await readFile(this.path(sequence)));
      if (content !== null) {
        if (content.tornBytes > 0) this.lose('torn', 1);
        this.sending = sequence;
        return { sequence, ...content };
      }
      this.lose('torn', 1);
      this.remove(sequence);
    }
    return null;
  }

  /** Central has it, or will never take it: the segment is deleted. */
  settle(sequence: number): void {
    this.remove(sequence);
    if (this.sending === sequence) this.sending = null;
  }

  /** Syncs and closes; what is kept is sent by the next agent. Idempotent. */
  async close(): Promise<void> {
    this.stop.abort();
    await this.syncing;
    await this.sync();
    this.active?.close();
    this.active = null;
  }

  private async sync(): Promise<void> {
    for (const [sequence, journal] of this.unsynced) {
      this.unsynced.delete(sequence);
      await journal.sync().finally(() => journal.close());
    }
    await this.active?.sync();
  }

  private path(sequence: number): string {
    return join(this.options.folder, nameOf(sequence));
  }

  private lose(reason: SpoolLoss, entries: number): false {
    this.lost[reason] += entries;
    return false;
  }

  /** Takes over what is in the folder; the highest sequence found, or null. */
  private recover(): number | null {
    const found = readdirSync(this.options.folder)
      .map((name) => NAME.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
    for (const sequence of found) {
      const content = recoverJournal(this.path(sequence));
      if (content !== null && content.tornBytes > 0) this.lose('torn', 1);
      this.keep(sequence, statSync(this.path(sequence)).size);
    }
    return found.at(-1) ?? null;
  }

  private open(): void {
    const { boot, clock } = this.options;
    const sequence = this.sequence + 1;
    this.active = new Journal(this.path(sequence), { boot, bootNs: clock.bootNs(), wallMs: clock.wallMs() });
    this.sequence = sequence;
  }

  /** Closes the active segment and opens the next; on a full disk there is none until an append can open one. */
  private rotate(): void {
    const { active } = this;
    if (active !== null) {
      this.unsynced.set(this.sequence, active);
      this.keep(this.sequence, active.bytes);
      this.active = null;
    }
    this.tryOpen();
  }

  private tryOpen(): void {
    try {
      this.open();
    } catch (error) {
      this.options.onError(error);
    }
  }

  private keep(sequence: number, bytes: number): void {
    this.closed.set(sequence, bytes);
    this.closedBytes += bytes;
  }

  /** Gives up oldest segments, but not the one on its way, until `size` bytes fit the bound. */
  private makeRoom(size: number): void {
    while (this.bytes + size > this.options.maxBytes) {
      const oldest = [...this.closed.keys()].find((sequence) => sequence !== this.sending);
      if (oldest === undefined) return;
      this.lose('full', parseJournal(readFileSync(this.path(oldest)))?.entries.length ?? 0);
      this.droppedSegments += 1;
      this.remove(oldest);
      this.writeDropped();
    }
  }

  private remove(sequence: number): void {
    this.closedBytes -= this.closed.get(sequence) ?? 0;
    this.closed.delete(sequence);
    this.unsynced.get(sequence)?.close();
    this.unsynced.delete(sequence);
    rmSync(this.path(sequence), { force: true });
  }

  private readDropped(): number {
    try {
      return Number(readFileSync(join(this.options.folder, DROPPED_FILE), 'utf8')) || 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.options.onError(error);
      return 0;
    }
  }

  private writeDropped(): void {
    const path = join(this.options.folder, DROPPED_FILE);
    try {
      writeFileSync(`${path}.new`, `${this.droppedSegments}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      this.options.onError(error);
    }
  }
}
