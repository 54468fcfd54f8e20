/** Periodic work that never overlaps and ends on abort. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` every `intervalMs`, the first time after one interval; the next wait begins when the work has ended.
 * Resolves once the signal is aborted and no work is running. An error goes to `onError` and the loop goes on.
 */
export async function loop(
  options: { intervalMs: number; signal: AbortSignal; onError: (error: unknown) => void },
  work: () => Promise<void> | void,
): Promise<void> {
  while (!options.signal.aborted) {
    const waited = await sleep(options.intervalMs, true, { signal: options.signal, ref: false }).catch(
      () => false,
    );
    if (!waited || options.signal.aborted) return;
    try {
      await work();
    } catch (error) {
      options.onError(error);
    }
  }
}
