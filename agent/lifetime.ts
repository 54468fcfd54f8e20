/** What ends with the agent: its periodic work, and its parts in reverse order. */
import type { Log } from '../kit/log.ts';
import { loop } from '../kit/loop.ts';

export class Lifetime {
  private readonly log: Log;
  private readonly stopping = new AbortController();
  private readonly stops: (() => Promise<void> | void)[] = [];
  private ended: Promise<void> | null = null;

  constructor(log: Log) {
    this.log = log;
  }

  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** For what a part cannot handle by itself. */
  readonly onError = (error: unknown): void => {
    this.log.error({ err: error }, 'a part failed; the rest goes on');
  };

  /** To be called when the agent stops, before what was given earlier. */
  atEnd(stop: () => Promise<void> | void): void {
    this.stops.push(stop);
  }

  repeat(intervalMs: number, work: () => Promise<void> | void): void {
    const running = loop({ intervalMs, signal: this.signal, onError: this.onError }, work);
    this.atEnd(() => running);
  }

  /** Idempotent. */
  end(): Promise<void> {
    this.ended ??= this.endAll();
    return this.ended;
  }

  private async endAll(): Promise<void> {
    this.stopping.abort();
    for (const stop of this.stops.reverse()) {
      try {
        await stop();
      } catch (error) {
        this.log.error({ err: error }, 'a part did not stop cleanly');
      }
    }
  }
}
