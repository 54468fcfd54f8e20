/** What is judged, on its way to a verdict: a fact or an event, and everything that is known around it. */
import type { Situation } from './alerts/judge.ts';
import { isWorkload } from './alerts/session.ts';
import type { Event } from './events/event.ts';
import type { Fact, FactKind } from './features/fact.ts';
import type { KnownProcess } from './identity/processes.ts';
import { Rates } from './models/evidence/rates.ts';
import type { Registry } from './models/registry.ts';
import { OWN, type Role } from './situation/roles.ts';
import type { Watched } from './watched.ts';

/** When something happened; with the node's boot what ids are made from. */
export interface When {
  /** CLOCK_BOOTTIME, ns. */
  readonly timeNs: bigint;
  readonly cpu: number;
}

export interface Case {
  readonly watched: Watched;
  readonly situation: Situation;
  readonly fact: Fact | null;
  readonly when: When;
  readonly event: Event | null;
}

export class Situations {
  /** How likely something new is, by what is usual on the node. */
  readonly rates: Rates;
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.rates = new Rates(() => registry.all().filter(({ workload }) => isWorkload(workload)));
  }

  of(watched: Watched, lineage: readonly KnownProcess[] = [], role: Role = OWN): Situation {
    const { container, phase } = watched;
    const { workload, imageDigest } = container.identity;
    const whole = this.#registry.baseline(workload);
    const chance = (kind: FactKind, atLeast = 1): number => this.rates.chance(whole, kind, phase, atLeast);
    const rollout = role.kind === 'session' ? null : whole.rollout(imageDigest);
    return { container, baseline: whole.as(imageDigest), phase, lineage, role, rollout, chance };
  }
}
