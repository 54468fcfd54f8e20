/** Empties the spool towards central and listens for orders, each at its own pace, over one connection. */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '../../kit/retry.ts';
import { isLook, type Reply, type SignedOrder } from '../../wire/index.ts';
import { CentralClient, type Credentials } from './client.ts';
import { bump } from './codes.ts';
import type { Segment, Spool } from './spool.ts';

export interface UplinkParts {
  readonly url: string;
  readonly credentials: Credentials;
  readonly spool: Spool;
  /** A segment as the bytes of a Summary. */
  readonly summarize: (segment: Segment) => Buffer;
  /** Acts on one order; never throws for what is in it. */
  readonly onOrder: (order: SignedOrder) => Promise<void>;
  /** What else came with a reply; never throws. */
  readonly onReply?: (reply: Reply) => Promise<void>;
  readonly intervalMs: number;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  readonly heartbeatLimitMs?: number;
  readonly silentMs?: number;
  readonly random?: () => number;
}

export interface UplinkCounts {
  sent: number;
  /** Accepted before: the answer to the first sending was lost. */
  duplicates: number;
  /** Entries in summaries that central will never take, by its code. */
  readonly refused: Map<string, number>;
  readonly failures: Map<string, number>;
  orders: number;
  streamsOpened: number;
  /** Unix time of the last accepted summary, ms; 0: none yet. */
  acceptedAtMs: number;
}

const BASE_MS = 500;
const LIMIT_MS = 10_000;
/** With nothing to tell but windows, and the order stream open, central hears from the node this often. */
const SILENT_MS = 10_000;
/** A flood of detections makes no flood of uploads. */
const LEAST_GAP_MS = 50;

/** When the next upload may begin, and when it will without being woken; ms from now. */
interface Wait {
  readonly leastMs: number;
  readonly mostMs: number;
}

export class Uplink {
  readonly counts: UplinkCounts = {
    sent: 0,
    duplicates: 0,
    refused: new Map(),
    failures: new Map(),
    orders: 0,
    streamsOpened: 0,
    acceptedAtMs: 0,
  };
  private readonly parts: UplinkParts;
  private client: CentralClient;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>[] = [];
  private wakeNow: (() => void) | null = null;
  private woken = false;
  /** There is more in the spool than windows. */
  private pressing = false;
  /** Central asked for a summary, be there anything to tell or not. */
  private asked = false;
  private troubled = false;
  private streaming = false;
  /** When central last accepted something, on the clock of performance.now(). */
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(parts: UplinkParts) {
    this.parts = parts;
    this.client = this.connect(parts.credentials);
  }

  start(): void {
    this.running.push(this.uploading(), this.listening());
  }

  /** Something is in the spool for which central is to be told within the interval. */
  press(): void {
    this.pressing = true;
  }

  /** Something urgent is in the spool: the next upload does not wait for its interval, only for central's pace. */
  wake(): void {
    this.pressing = true;
    this.woken = true;
    this.wakeNow?.();
  }

  /** Uses a renewed certificate from the next request on. */
  async renew(credentials: Credentials): Promise<void> {
    const before = this.client;
    this.client = this.connect(credentials);
    await before.close();
  }

  /** Idempotent. What was not accepted stays in the spool. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wakeNow?.();
    await this.client.close();
    await Promise.all(this.running);
  }

  private connect(credentials: Credentials): CentralClient {
    const { url, heartbeatLimitMs } = this.parts;
    return new CentralClient({
      url,
      credentials,
      ...(heartbeatLimitMs === undefined ? {} : { heartbeatLimitMs }),
    });
  }

  private async uploading(): Promise<void> {
    const { signal } = this.stopping;
    const tries = backoff({
      baseMs: BASE_MS,
      limitMs: LIMIT_MS,
      ...(this.parts.random ? { random: this.parts.random } : {}),
    });
    let wait: Wait = { leastMs: 0, mostMs: LEAST_GAP_MS };
    while (!signal.aborted) {
      await this.pause(wait);
      if (signal.aborted) return;
      try {
        wait = await this.uploadNext(tries);
      } catch (error) {
        // The spool could not be read: a disk's trouble, tried again like central's.
        wait = this.trouble(error, tries.next());
      }
    }
  }

  /** Sends the oldest segment; how long to wait before the next. */
  private async uploadNext(tries: ReturnType<typeof backoff>): Promise<Wait> {
    const { spool, summarize, intervalMs } = this.parts;
    const usual = { leastMs: LEAST_GAP_MS, mostMs: intervalMs };
    const silent = performance.now() - this.toldAt >= (this.parts.silentMs ?? SILENT_MS);
    const idle = !silent && !this.pressing && this.streaming;
    if (idle && spool.waiting === 0) return usual;
    const evenEmpty = silent || !this.streaming || this.asked;
    this.pressing = false;
    this.asked = false;
    const segment = await spool.next({ evenEmpty });
    if (segment === null) return usual;
    const outcome = await this.client.upload(summarize(segment), segment.sequence, this.stopping.signal);
    if (this.stopping.signal.aborted && outcome.kind !== 'accepted') return usual;
    if (outcome.kind === 'retry') {
      return this.trouble(outcome, Math.max(outcome.afterMs ?? 0, tries.next()));
    }
    tries.reset();
    spool.settle(segment.sequence);
    if (outcome.kind === 'refused') {
      bump(this.counts.refused, outcome.code, Math.max(1, segment.entries.length));
      this.parts.log('central refused a summary for good', {
        ...outcome,
        sequence: segment.sequence,
        entries: segment.entries.length,
      });
      return usual;
    }
    if (this.troubled) this.parts.log('central answers again', { waiting: spool.waiting });
    this.troubled = false;
    this.counts.sent += 1;
    this.toldAt = performance.now();
    this.counts.acceptedAtMs = Date.now();
    if (outcome.reply.duplicate) this.counts.duplicates += 1;
    for (const order of outcome.reply.orders) await this.order(order);
    await this.parts.onReply?.(outcome.reply);
    const pace = Math.max(LEAST_GAP_MS, outcome.reply.paceMs);
    return { leastMs: pace, mostMs: spool.waiting > 0 ? pace : Math.max(intervalMs, pace) };
  }

  /** A wake ends the wait, but not before its least. */
  private async pause({ leastMs, mostMs }: Wait): Promise<void> {
    const { signal } = this.stopping;
    await sleep(leastMs, undefined, { signal }).catch(() => undefined);
    if (!this.woken && !signal.aborted && mostMs > leastMs) {
      const wait = new AbortController();
      this.wakeNow = () => wait.abort();
      await sleep(mostMs - leastMs, undefined, { signal: wait.signal }).catch(() => undefined);
      this.wakeNow = null;
    }
    this.woken = false;
  }

  private trouble(problem: unknown, waitMs: number): Wait {
    const { code, message } = problem as { code?: unknown; message?: unknown };
    bump(this.counts.failures, String(code ?? 'FAILED'));
    // Once per outage: what goes on is in the metrics.
    if (!this.troubled)
      this.parts.log('central cannot be reached; the spool keeps what is for it', { code, reason: message });
    this.troubled = true;
    return { leastMs: waitMs, mostMs: waitMs };
  }

  private async listening(): Promise<void> {
    const { signal } = this.stopping;
    const tries = backoff({
      baseMs: BASE_MS,
      limitMs: LIMIT_MS,
      ...(this.parts.random ? { random: this.parts.random } : {}),
    });
    while (!signal.aborted) {
      try {
        await this.client.orders(signal, {
          opened: () => {
            tries.reset();
            this.counts.streamsOpened += 1;
            this.streaming = true;
          },
          order: (order) => this.order(order),
        });
      } catch (error) {
        if (!signal.aborted)
          bump(this.counts.failures, `STREAM_${String((error as { code?: unknown }).code ?? 'FAILED')}`);
      }
      this.streaming = false;
      await sleep(tries.next(), undefined, { signal }).catch(() => undefined);
    }
  }

  private async order(order: SignedOrder): Promise<void> {
    if (isLook(order)) {
      this.asked = true;
      this.wake();
      return;
    }
    this.counts.orders += 1;
    await this.parts.onOrder(order);
    // The report of what was done goes up at once.
    this.wake();
  }
}
