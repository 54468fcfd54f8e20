/** A recording in place of this machine: its frames, at the pace they were made or another. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame } from '../events/frame.ts';

export interface ReplayParts {
  readonly frames: AsyncIterable<Frame> | Iterable<Frame>;
  /** 1: as recorded; 10: ten times as fast; Infinity: without waiting. */
  readonly speed: number;
  readonly signal: AbortSignal;
  readonly emit: (frame: Frame) => void;
}

/** The loop is let go between frames at least this often, ms. */
const HOLD_MS = 4;

/** Emits every frame; a tick no sooner than it came in the recording. Resolves at the end or when aborted. */
export async function replay({ frames, speed, signal, emit }: ReplayParts): Promise<void> {
  let origin: { bootNs: bigint; at: number } | null = null;
  let heldSince = performance.now();
  for await (const frame of frames) {
    if (signal.aborted) return;
    const bootNs =
      frame.kind === 'start' ? frame.start.bootNs : frame.kind === 'tick' ? frame.tick.bootNs : null;
    origin ??= bootNs === null ? null : { bootNs, at: performance.now() };
    const dueMs =
      bootNs === null || origin === null ? 0 : origin.at + Number(bootNs - origin.bootNs) / 1e6 / speed;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0 || performance.now() - heldSince > HOLD_MS) {
      await sleep(Math.max(0, waitMs), undefined, { signal }).catch(() => undefined);
      heldSince = performance.now();
      if (signal.aborted) return;
    }
    emit(frame);
  }
}
