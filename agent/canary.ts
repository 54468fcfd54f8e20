/**
 * Proves at regular times that the node sees: starts the canary, and waits for what the probe, the pipeline and the alert log
 * make of it. It begins with a window, so that the counts of its two system calls stand in that window alone.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../kit/clock.ts';
import type { Canary as Told } from '../wire/index.ts';
import { type Canary, type CanaryFrame, canaryId } from './alerts/canary.ts';

export type CanaryResult = 'seen' | 'late' | 'missed' | 'failed' | 'forged';

export interface CanaryParts {
  /** How often, ms; 0: never. */
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Starts the program with this nonce; its pid in the agent's pid namespace. */
  readonly run: (nonce: string) => Promise<number>;
  /** The agent's number as records have it; 0: the kernel does not say. */
  readonly parent: () => number;
  /** To the pipeline, in order with the records. */
  readonly push: (frame: CanaryFrame) => void;
  /** A line of the alert log: when it returns, the line is with the kernel. */
  readonly write: (canary: Canary, wallMs: number) => void;
  /** To central, at once. */
  readonly tell: (canary: Told) => void;
  /** 0 to 1, for the jitter: nodes that were started together are not to act together, nor can anybody wait for it. */
  readonly random: () => number;
}

/** Seen later than this is late: a detection takes milliseconds, ten times that on a busy machine. */
const LATE_MS = 5000;
const MISSED_MS = 30_000;
/** After one that was not seen in time the next comes soon: two in a row are no accident. */
const AGAIN_MS = 10_000;
/** The first after the start, when the first windows have ended. */
const FIRST_MS = 30_000;
const JITTER = 0.2;

interface Pending {
  readonly nonce: string;
  readonly atMs: number;
  readonly wallMs: number;
  pid: number | null;
  seen: { readonly canary: Canary; readonly wallMs: number; readonly detectMs: number } | null;
}

export class Canaries {
  readonly results: Record<CanaryResult, number> = { seen: 0, late: 0, missed: 0, failed: 0, forged: 0 };
  /** From the kernel's record to its line in the log, of the last one that was seen, ms; null: none was. */
  detectMs: number | null = null;
  /** Unix time of the last one that was seen in time, ms; null: none was. */
  provedMs: number | null = null;
  /** In a row, those that were not. */
  failures = 0;
  readonly #parts: CanaryParts;
  readonly #startedMs: number;
  #nextMs: number;
  #pending: Pending | null = null;
  /** One has not ended. Each holds a thread of the pool that the agent's files need: no other is started meanwhile. */
  #isOut = false;
  /** When the last one that was seen in time was, on the clock that nobody sets. */
  #provedAtMs: number | null = null;

  constructor(parts: CanaryParts) {
    this.#parts = parts;
    this.#startedMs = this.#nowMs();
    this.#nextMs = this.#startedMs + this.#around(Math.min(parts.intervalMs, FIRST_MS));
  }

  get intervalMs(): number {
    return this.#parts.intervalMs;
  }

  /** Since the last proof, or since the start, ms. */
  get ageMs(): number {
    return this.#nowMs() - (this.#provedAtMs ?? this.#startedMs);
  }

  /** After the end of each window. */
  tick(): void {
    if (this.#parts.intervalMs === 0) return;
    const nowMs = this.#nowMs();
    const pending = this.#pending;
    if (pending !== null) {
      if (nowMs - pending.atMs >= MISSED_MS)
        this.#end(pending, pending.seen === null ? 'missed' : 'failed', 'its process has not ended');
    } else if (nowMs >= this.#nextMs) void this.#make(nowMs);
  }

  /** The pipeline's verdict. The line is written before anything is asked: it is what is measured. */
  seen(canary: Canary, wallMs: number): void {
    const { clock, write } = this.#parts;
    write(canary, wallMs);
    const detectMs = Number(clock.bootNs() - canary.timeNs) / 1e6;
    const pending = this.#pending;
    if (pending === null || canaryId(pending.nonce) !== canary.id) return;
    pending.seen = { canary, wallMs, detectMs };
    this.#settle(pending);
  }

  async #make(nowMs: number): Promise<void> {
    const { clock, run, push, parent } = this.#parts;
    const nonce = randomBytes(16).toString('hex');
    const pending: Pending = { nonce, atMs: nowMs, wallMs: clock.wallMs(), pid: null, seen: null };
    this.#pending = pending;
    if (this.#isOut) {
      this.#end(pending, 'failed', 'the one before has not ended');
      return;
    }
    push({ kind: 'canary', nonce, parent: parent() });
    this.#isOut = true;
    try {
      pending.pid = await run(nonce);
    } catch (error) {
      if (this.#pending === pending) this.#end(pending, 'failed', String(error));
      return;
    } finally {
      this.#isOut = false;
    }
    this.#settle(pending);
  }

  /** Both are known: what was started, and what was seen. */
  #settle(pending: Pending): void {
    const { pid, seen } = pending;
    if (this.#pending !== pending || pid === null || seen === null) return;
    const { innerPid } = seen.canary;
    if (innerPid !== pid) this.#end(pending, 'forged', `${innerPid} is not ${pid}`);
    else this.#end(pending, seen.detectMs > LATE_MS ? 'late' : 'seen', '');
  }

  #end({ nonce, seen, wallMs }: Pending, result: CanaryResult, detail: string): void {
    const { intervalMs } = this.#parts;
    this.#pending = null;
    this.results[result] += 1;
    const proved = result === 'seen';
    this.failures = proved ? 0 : this.failures + 1;
    if (seen !== null && result !== 'forged') this.detectMs = seen.detectMs;
    if (proved) {
      this.provedMs = seen?.wallMs ?? wallMs;
      this.#provedAtMs = this.#nowMs();
    }
    const soonMs = proved ? intervalMs : Math.min(intervalMs, AGAIN_MS);
    this.#nextMs = this.#nowMs() + this.#around(soonMs);
    this.#parts.tell({
      id: canaryId(nonce),
      result,
      wallMs: seen?.wallMs ?? wallMs,
      detectMs: seen?.detectMs ?? 0,
      detail,
    });
  }

  #around(ms: number): number {
    return ms * (1 - JITTER + 2 * JITTER * this.#parts.random());
  }

  /** On a clock that nobody sets. */
  #nowMs(): number {
    return Number(this.#parts.clock.bootNs() / 1_000_000n);
  }
}
