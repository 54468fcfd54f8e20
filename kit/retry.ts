/** Backoff with full jitter and a limit, after "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). */

export interface Backoff {
  /** Milliseconds to wait before the next try. */
  next(): number;
  /** After a success. */
  reset(): void;
}

/** Waits grow from `baseMs` by doubling up to `limitMs`; each is drawn from its upper half, so that it is never 0. */
export function backoff(options: { baseMs: number; limitMs: number; random?: () => number }): Backoff {
  const random = options.random ?? Math.random;
  let tries = 0;
  return {
    next() {
      const ceiling = Math.min(options.limitMs, options.baseMs * 2 ** Math.min(tries, 30));
      tries += 1;
      return ceiling / 2 + (random() * ceiling) / 2;
    },
    reset() {
      tries = 0;
    },
  };
}
