/**
 * Brings notifications to one channel: bounded queue, order, grouping, rate, tries, dead letters. Each channel has one
 * of its own, so that one that cannot be reached delays no other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../kit/clock.ts';
import { backoff } from '../../kit/retry.ts';
import { type Channel, type DeadLetter, type Failure, type Notification, severityRank } from './notifier.ts';

/** Waiting notifications; a notification is some kB. */
const QUEUE = 1000;
const TRIES = 8;
const WAIT = { baseMs: 500, limitMs: 60_000 };
/** A receiver that asks for more patience than this is tried again all the same. */
const PATIENCE_MS = 600_000;
/** Notifications in one message. */
const GROUP = 50;

export type Result = 'delivered' | 'retried' | 'dead' | 'overflow' | 'silenced';

export interface DelivererParts {
  readonly name: string;
  readonly channel: Channel;
  readonly clock: Clock;
  /** Never rejects. */
  readonly deadLetter: (letter: DeadLetter) => Promise<void>;
  readonly count: (result: Result, times: number) => void;
  /** From its making to its delivery, ms. */
  readonly took?: (ms: number, notification: Notification) => void;
  /** How long a notification waits for others of its incident; 0: each is a message of its own. */
  readonly groupMs?: number;
  /** Messages in a minute; more wait. */
  readonly perMinute?: number;
  readonly tries?: number;
  readonly wait?: { readonly baseMs: number; readonly limitMs: number };
}
export interface Deliverer {
  readonly name: string;
  /** Takes the notification over and returns at once; what cannot be delivered ends as a dead letter. */
  notify(notification: Notification): void;
  waiting(): number;
  /** Gives up what is waiting, each as a dead letter. Resolves when the last one is written. */
  close(): Promise<void>;
}

interface Waiting {
  readonly notification: Notification;
  /** performance.now() of its arrival. */
  readonly sinceMs: number;
}

class QueueDeliverer implements Deliverer {
  readonly name: string;
  private readonly parts: DelivererParts;
  private readonly queue: Waiting[] = [];
  private readonly stopping = new AbortController();
  private readonly letters = new Set<Promise<void>>();
  private worker: Promise<void> | null = null;
  /** Begins of the messages of the last minute. */
  private sent: number[] = [];

  constructor(parts: DelivererParts) {
    this.parts = parts;
    this.name = parts.name;
  }

  waiting = (): number => this.queue.length;

  notify(notification: Notification): void {
    if (this.stopping.signal.aborted) {
      this.bury([notification], 'central stopped', 0);
      return;
    }
    this.queue.push({ notification, sinceMs: performance.now() });
    if (this.queue.length > QUEUE) this.giveUpLeast();
    this.worker ??= this.work();
  }

  /** Of too many the least severe goes, and of those the newest: a flood of small ones pushes out no great one. */
  private giveUpLeast(): void {
    let at = 0;
    const rank = (index: number): number => severityRank(this.queue[index]?.notification.severity ?? '');
    for (let index = 1; index < this.queue.length; index += 1) if (rank(index) <= rank(at)) at = index;
    const [least] = this.queue.splice(at, 1);
    if (least === undefined) return;
    this.parts.count('overflow', 1);
    this.bury([least.notification], `more than ${QUEUE} were waiting`, 0);
  }

  private bury(batch: readonly Notification[], error: string, tries: number): void {
    const { name, clock } = this.parts;
    for (const notification of batch) {
      const letter = { notifier: name, notification, error, tries, atMs: clock.wallMs() };
      const written = this.parts.deadLetter(letter).finally(() => this.letters.delete(written));
      this.letters.add(written);
    }
    this.parts.count('dead', batch.length);
  }

  private pause(ms: number): Promise<unknown> {
    if (ms <= 0 || this.stopping.signal.aborted) return Promise.resolve();
    return sleep(ms, null, { signal: this.stopping.signal, ref: false }).catch(() => null);
  }

  /** Waits until one more message is within the rate. */
  private async rate(): Promise<void> {
    const most = this.parts.perMinute ?? Number.POSITIVE_INFINITY;
    this.sent = this.sent.filter((atMs) => atMs > performance.now() - 60_000);
    const oldest = this.sent[this.sent.length - most];
    if (oldest !== undefined) await this.pause(oldest + 60_000 - performance.now());
    this.sent.push(performance.now());
  }

  /** The oldest, with those of its incident that came meanwhile. A person who is asked is not kept waiting for a group. */
  private async next(): Promise<readonly Notification[]> {
    const groupMs = this.parts.groupMs ?? 0;
    const first = this.queue[0];
    if (first !== undefined && groupMs > 0 && first.notification.event !== 'approval-wanted')
      await this.pause(first.sinceMs + groupMs - performance.now());
    await this.rate();
    const head = this.queue.shift();
    if (head === undefined) return [];
    const { incident } = head.notification;
    if (groupMs === 0 || incident === '') return [head.notification];
    const batch = [head.notification];
    for (let at = 0; at < this.queue.length && batch.length < GROUP; ) {
      const one = this.queue[at]?.notification;
      if (one?.incident !== incident) at += 1;
      else {
        batch.push(one);
        this.queue.splice(at, 1);
      }
    }
    return batch;
  }

  private async attempt(batch: readonly Notification[]): Promise<Failure | null> {
    try {
      return await this.parts.channel.deliver(batch);
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error), again: true };
    }
  }

  private async deliver(batch: readonly Notification[]): Promise<void> {
    const { count, took, clock, tries = TRIES, wait = WAIT } = this.parts;
    const pause = backoff(wait);
    for (let tried = 1; ; tried += 1) {
      const failed = await this.attempt(batch);
      if (failed === null) {
        count('delivered', batch.length);
        for (const one of batch) took?.(clock.wallMs() - one.atMs, one);
        return;
      }
      const stopped = this.stopping.signal.aborted;
      if (!failed.again || tried >= tries || stopped)
        return this.bury(batch, stopped ? `central stopped; ${failed.error}` : failed.error, tried);
      count('retried', 1);
      await this.pause(Math.max(pause.next(), Math.min(failed.afterMs ?? 0, PATIENCE_MS)));
    }
  }

  private async work(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.stopping.signal.aborted ? [] : await this.next();
      if (this.stopping.signal.aborted) {
        this.bury([...batch, ...this.queue.splice(0).map((one) => one.notification)], 'central stopped', 0);
        break;
      }
      await this.deliver(batch);
    }
    this.worker = null;
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.parts.channel.close();
    await this.worker;
    await Promise.allSettled(this.letters);
  }
}

export function createDeliverer(parts: DelivererParts): Deliverer {
  return new QueueDeliverer(parts);
}
