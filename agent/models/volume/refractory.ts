/**
 * Once told, twice not: of a run of strange rows only the one that is stranger than all of the last QUIET_ROWS keeps its
 * score, so that an anomaly that lasts is one alarm and not hundreds. Unit: as given. Memory: at most QUIET_ROWS numbers.
 */
const QUIET_ROWS = 250;

export class Refractory {
  /** Falling scores that could still be the largest of the window, with their rows (a monotone queue). */
  readonly #largest: { readonly row: number; readonly score: number }[] = [];
  #row = 0;

  /** The score, or 0 while one as high is not over. */
  pass(score: number): number {
    const largest = this.#largest;
    while (largest.length > 0 && (largest[0]?.row ?? 0) < this.#row - QUIET_ROWS) largest.shift();
    const told = score > (largest[0]?.score ?? 0) ? score : 0;
    while (largest.length > 0 && (largest.at(-1)?.score ?? 0) <= score) largest.pop();
    largest.push({ row: this.#row, score });
    this.#row += 1;
    return told;
  }
}
