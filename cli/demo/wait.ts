/** Waiting for something to become true. */
import { setTimeout as sleep } from 'node:timers/promises';

/** The first answer that is not null, or null after `limitMs`. @throws what `signal` was aborted with. */
export async function until<T>(
  limitMs: number,
  signal: AbortSignal,
  look: () => Promise<T | null> | T | null,
): Promise<T | null> {
  const end = performance.now() + limitMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await look();
    if (answer !== null) return answer;
    if (performance.now() > end) return null;
    await sleep(50, undefined, { signal });
  }
}
