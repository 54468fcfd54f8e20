/** Evidence against the budget: what each container's verdicts add up to, and when that is enough for an alert. */
import { isWorkload } from './alerts/session.ts';
import type { Item } from './models/evidence/causes.ts';
import { type Calibration, calibrationOf, type Standing } from './models/evidence/evidence.ts';
import { Tail } from './models/evidence/tail.ts';
import type { Registry } from './models/registry.ts';
import type { Watched } from './watched.ts';

export interface WeighOptions {
  readonly registry: Registry;
  /** Expected time between false alarms of one workload, ns. */
  readonly budgetNs: bigint;
}

/** What made an alert, or may. */
export interface Weight extends Standing {
  readonly by: Calibration['by'];
  readonly periods: number;
  readonly enough: boolean;
}

/** Of the bits of a fact: where people work new things are many, and a session without a baseline is one of them. */
export const DISCOUNT = { own: 1, probe: 1, setup: 0, session: 1 / 4, node: 1 / 2 } as const;
/** Of the bits while the workload is learnt: new things are many then. */
export const YOUNG = 1 / 2;
const DEFAULT_WINDOW_NS = 5_000_000_000n;

export class Weigh {
  readonly #options: WeighOptions;
  /** Of all workloads; made anew when a window has ended. */
  #pooled: Tail | null = null;
  #replicas = new Map<string, number>();

  constructor(options: WeighOptions) {
    this.#options = options;
  }

  /** Containers by workload: the more there are, the more often one of them is unlucky. */
  replicas(watched: Iterable<Watched>): void {
    const counted = new Map<string, number>();
    for (const { container } of watched) {
      const { workload } = container.identity;
      counted.set(workload, (counted.get(workload) ?? 0) + 1);
    }
    this.#replicas = counted;
    this.#pooled = null;
  }

  add(watched: Watched, cause: string, item: Item): Weight {
    watched.evidence.add(cause, item);
    return this.weight(watched);
  }

  weight(watched: Watched): Weight {
    const calibration = this.#calibration(watched);
    const standing = watched.evidence.standing(calibration, this.#periodsBetween(watched));
    const { by, periods } = calibration;
    return { ...standing, by, periods, enough: standing.total >= standing.bound };
  }

  /** The window ends, before it is closed: what it came to calibrates later ones, unless it is not whole or something grave goes on. */
  end(watched: Watched, endNs: bigint, alerted: boolean): void {
    const { registry } = this.#options;
    const { history, state, pinned } = registry.baseline(watched.container.identity.workload);
    const { evidence, window, alarms } = watched;
    const whole = window.complete && watched.observed;
    if (whole) history.achieved.window(endNs - window.startNs, alarms);
    // While it is learnt everything is new once, and who breaks in must not make it seem usual.
    const usual = state === 'mature' && !alerted && !watched.disturbed && !watched.withheld;
    // Where life is seen in part, what is strange in that part is what calibrates; that nothing was seen says nothing.
    if (usual && !pinned && (whole || evidence.raw > 0)) history.learn(evidence.raw);
    evidence.end(this.#calibration(watched), whole);
    watched.alarms = 0;
    watched.disturbed = false;
  }

  #calibration({ container }: Watched): Calibration {
    const { registry } = this.#options;
    return calibrationOf(registry.baseline(container.identity.workload).history.tail, () => this.#pool());
  }

  #pool(): Tail {
    if (this.#pooled !== null) return this.#pooled;
    const pooled = new Tail();
    for (const { workload, history } of this.#options.registry.all())
      if (isWorkload(workload)) pooled.add(history.tail);
    this.#pooled = pooled;
    return pooled;
  }

  #periodsBetween({ container, windowNs }: Watched): number {
    const length = windowNs > 0n ? windowNs : DEFAULT_WINDOW_NS;
    const replicas = this.#replicas.get(container.identity.workload) ?? 1;
    return (Number(this.#options.budgetNs) / Number(length)) * replicas;
  }
}
