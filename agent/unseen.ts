/** Findings about what was not seen: records that were lost, containers that nobody looked at, pods that do not come up. */

import { listLosses } from './alerts/explain.ts';
import { FILLED, filledBy, judgeFlood, judgeOverload, MANY_LOSE } from './alerts/flood.ts';
import type { Verdict } from './alerts/judge.ts';
import { judgeUnwatched, type Unwatched } from './alerts/unwatched.ts';
import type { Situations, When } from './case.ts';
import { sumOf } from './circumstances.ts';
import type { Telling } from './telling.ts';
import type { Watched } from './watched.ts';

/** Among the reasons for losses of the host: those of many containers. */
const OVERLOAD = 'of many';

export class Unseen {
  readonly #situations: Situations;
  readonly #telling: Pick<Telling, 'found'>;

  constructor(situations: Situations, telling: Pick<Telling, 'found'>) {
    this.#situations = situations;
    this.#telling = telling;
  }

  /**
   * Records of the window that ends were lost, `everybodys` on the node by reason; told once for a stretch of loss, and
   * when it gets another reason.
   */
  flood(watched: Watched, everybodys: Readonly<Record<string, number>>, when: When): void {
    const { lost, losses } = watched.window;
    const filled = new Set(filledBy(losses, everybodys));
    const reasons = Object.keys(losses).map((name) => (filled.has(name) ? `${name}${FILLED}` : name));
    const fresh = watched.newLosses(reasons);
    if (fresh.length === 0) return;
    const situation = this.#situations.of(watched);
    const verdict = judgeFlood({ lost, losses, fresh }, watched.container);
    this.#telling.found(verdict, { watched, situation, fact: null, when, event: null });
  }

  /** Many containers lost records in the window that ends: a finding about the host, once for a stretch of that. */
  overload(host: Watched, losers: readonly Watched[], when: When): void {
    if (losers.length < MANY_LOSE || host.newLosses([OVERLOAD]).length === 0) return;
    const windows = losers.map(({ window }) => window);
    const lost = windows.reduce((sum, window) => sum + window.lost, 0);
    const losses = listLosses(windows.reduce((sum, window) => sumOf(sum, window.losses), {}));
    const situation = this.#situations.of(host);
    const verdict = judgeOverload(losers.length, lost, losses);
    this.#telling.found(verdict, { watched: host, situation, fact: null, when, event: null });
  }

  /** What is said of a pod that does not come up, or not stay up; `watched`: its container where there is one, else the host. */
  ofPod(watched: Watched, verdict: Verdict, when: When): void {
    const situation = this.#situations.of(watched);
    this.#telling.found(verdict, { watched, situation, fact: null, when, event: null });
  }

  /** Containers found no free slot in the window that ends; a finding about the host, in each such window. */
  unwatched(host: Watched, unwatched: Unwatched, when: When): void {
    const situation = this.#situations.of(host);
    this.#telling.found(judgeUnwatched(unwatched), {
      watched: host,
      situation,
      fact: null,
      when,
      event: null,
    });
  }
}
