/**
 * The pods of this node: a PodList read again and again from a file or an http(s) address, handed on as text when it
 * changed. What cannot be read is counted, and the last list stays in force.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Client as UndiciClient } from 'undici';

export interface PodsParts {
  /** A path, or an http(s) address. */
  readonly from: string;
  readonly intervalMs: number;
  readonly emit: (list: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Where the pods of this node come from. */
export interface PodsSource {
  readonly counts: PodsCounts;
  start(): Promise<void>;
  /** Something waits for the name of its pod. */
  refresh(): void;
  health(): PodsHealth;
  stop(): Promise<void>;
}

export interface PodsHealth {
  readonly source: string;
  /** Changes come by themselves now. */
  readonly connected: boolean;
  /** What is known is what there is, as far as can be told. */
  readonly inStep: boolean;
  /** Since the source last said something; null: it never did. */
  readonly heardMs: number | null;
  readonly problem: string | null;
  /** Failures since the start, by reason. */
  readonly problems: ReadonlyMap<string, number>;
  readonly pods: number | null;
}

export interface PodsCounts {
  reads: number;
  unchanged: number;
  errors: number;
}

const MAX_BYTES = 10 * 1024 * 1024;
const ANSWER_MS = 5000;
/** Extra readings while something waits for a name, no more often than this. */
const REFRESH_MS = 250;

interface Source {
  /** The text, or null when it is as it was. @throws */
  read(): Promise<string | null>;
  close(): Promise<void>;
}

function tooLarge(from: string, bytes: number): Error {
  return new Error(`${from}: ${bytes} bytes or more, at most ${MAX_BYTES} are read`);
}

function fileSource(path: string): Source {
  let seen = '';
  return {
    async read() {
      const { ino, size, mtimeMs } = await stat(path);
      const mark = `${ino} ${size} ${mtimeMs}`;
      if (mark === seen) return null;
      if (size > MAX_BYTES) throw tooLarge(path, size);
      const text = await readFile(path, 'utf8');
      seen = mark;
      return text;
    },
    close: async () => undefined,
  };
}

async function httpSource(address: string): Promise<Source> {
  const [{ default: Client }, { default: request }] = await Promise.all([
    import('undici/lib/dispatcher/client.js'),
    import('undici/lib/api/api-request.js'),
  ]);
  const url = new URL(address);
  const options = { allowH2: false, headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS };
  const client: UndiciClient = new Client(url.origin, { ...options, connect: { timeout: ANSWER_MS } });
  let tag: string | null = null;
  return {
    async read() {
      const answer = await request.call(client, {
        method: 'GET',
        path: `${url.pathname}${url.search}`,
        headers: { accept: 'application/json', ...(tag === null ? {} : { 'if-none-match': tag }) },
      });
      const pieces: Uint8Array[] = [];
      let size = 0;
      for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
        size += piece.length;
        if (size > MAX_BYTES) throw tooLarge(address, size);
        pieces.push(piece);
      }
      if (answer.statusCode === 304) return null;
      if (answer.statusCode !== 200) throw new Error(`${address}: status ${answer.statusCode}`);
      const { etag } = answer.headers;
      tag = typeof etag === 'string' ? etag : null;
      return Buffer.concat(pieces).toString('utf8');
    },
    close: () => client.destroy(),
  };
}

export class PodsReader implements PodsSource {
  readonly counts: PodsCounts = { reads: 0, unchanged: 0, errors: 0 };
  private readonly parts: PodsParts;
  private source: Source | null = null;
  private digest = '';
  private timer: NodeJS.Timeout | null = null;
  /** When the timer ends, on the clock of performance.now(). */
  private dueAt = Number.POSITIVE_INFINITY;
  private reading: Promise<void> | null = null;
  private readAt = Number.NEGATIVE_INFINITY;
  private stopped = false;
  private heardAt: number | null = null;
  private lastError: string | null = null;

  constructor(parts: PodsParts) {
    this.parts = parts;
  }

  /** Resolves when the list was read, or could not be, for the first time. */
  async start(): Promise<void> {
    await this.read();
  }

  /** Reads soon: something waits for the name of its pod. Asked again and again it is not put off again and again. */
  refresh(): void {
    const dueAt = this.readAt + REFRESH_MS;
    if (this.reading === null && dueAt < this.dueAt) this.arm(dueAt);
  }

  health(): PodsHealth {
    const heardAt = this.heardAt;
    const problem = this.lastError;
    return {
      source: this.parts.from,
      connected: false,
      inStep: problem === null && heardAt !== null,
      heardMs: heardAt === null ? null : Math.round(performance.now() - heardAt),
      problem,
      problems: new Map(this.counts.errors === 0 ? [] : [['Unreadable', this.counts.errors]]),
      pods: null,
    };
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.source?.close();
    await this.reading;
  }

  private arm(dueAt: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.stopped) return;
    this.dueAt = dueAt;
    this.timer = setTimeout(() => this.read(), Math.max(0, dueAt - performance.now()));
    this.timer.unref();
  }

  private read(): Promise<void> {
    this.reading ??= this.readOnce().finally(() => {
      this.reading = null;
      this.readAt = performance.now();
      this.arm(this.readAt + this.parts.intervalMs);
    });
    return this.reading;
  }

  private async readOnce(): Promise<void> {
    const { from, emit, onError } = this.parts;
    try {
      this.source ??= /^https?:/.test(from) ? await httpSource(from) : fileSource(from);
      const text = await this.source.read();
      if (this.stopped) return;
      this.counts.reads += 1;
      this.heardAt = performance.now();
      this.lastError = null;
      const digest = text === null ? this.digest : createHash('sha256').update(text).digest('hex');
      if (text === null || digest === this.digest) {
        this.counts.unchanged += 1;
        return;
      }
      this.digest = digest;
      emit(text);
    } catch (error) {
      if (this.stopped) return;
      this.counts.errors += 1;
      this.lastError = (error as Error).message;
      onError(error);
    }
  }
}
