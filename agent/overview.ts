/** What the pipeline says of itself, gathered from its parts. */
import { FACT_KINDS } from './features/fact.ts';
import type { Attribution } from './identity/attribute.ts';
import type { Container } from './identity/container.ts';
import type { Lives } from './identity/lives.ts';
import type { Processes } from './identity/processes.ts';
import type { Baseline } from './models/baseline.ts';
import { type CareNumbers, cardsOf, careNumbers, type WorkloadCards } from './models/care/cards.ts';
import type { Registry } from './models/registry.ts';
import {
  type PipelineCounts,
  type ProfileCounts,
  type ProfileSummary,
  type PromiseStatus,
  statusOf,
  type WorkloadStatus,
} from './status.ts';
import type { Telling } from './telling.ts';
import type { Windows } from './windows.ts';

export interface OverviewParts {
  readonly registry: Registry;
  readonly telling: Telling;
  readonly windows: Windows;
  readonly lives: Lives;
  readonly processes: Processes;
  readonly attribution: Attribution;
  readonly containers: () => readonly Container[];
  /** Container-hours in which one false alarm is promised. */
  readonly budgetHours: number;
}

/** What only the pipeline itself counts. */
export type OwnCounts = Pick<
  PipelineCounts,
  'events' | 'actors' | 'malformed' | 'podsRefused' | 'podsProblem' | 'statesRefused'
>;

const byWorkload = (a: { workload: string }, b: { workload: string }): number =>
  a.workload < b.workload ? -1 : 1;

export class Overview {
  readonly #parts: OverviewParts;

  constructor(parts: OverviewParts) {
    this.#parts = parts;
  }

  counts(own: OwnCounts): PipelineCounts {
    const { attribution, telling, windows, lives, processes, registry } = this.#parts;
    const { held, expired, overflow } = attribution.counts;
    return {
      ...own,
      ...telling.counts,
      lostOfSlots: { ...windows.losses.ofSlots },
      ...lives.counts,
      held,
      expired: expired + overflow,
      processes: processes.size,
      processesForgotten: { ...processes.forgotten },
      openAlerts: telling.openAlerts,
      baselines: registry.size,
      names: { ...windows.names },
      excepted: telling.exceptions.total,
      unlooked: telling.exceptions.unlooked,
      exceptedBy: Object.fromEntries(telling.exceptions.hits),
    };
  }

  profiles(): ProfileCounts {
    const { windows, registry } = this.#parts;
    const { guarding, counts } = windows.profiles;
    const baselines = registry.all();
    const sum = (of: (baseline: Baseline) => number): number =>
      baselines.reduce((total, baseline) => total + of(baseline), 0);
    return {
      guarding,
      ...counts,
      ...registry.facts(),
      suspects: sum(({ suspects }) => suspects),
      versions: sum(({ versions }) => versions.size),
      versionsEvicted: sum(({ versions }) => versions.evicted),
      rollouts: sum(({ versions }) =>
        Number(versions.current !== null && versions.isYoung(versions.current)),
      ),
    };
  }

  /** Over all workloads. */
  promise(): PromiseStatus {
    let [alarms, hours] = [0, 0];
    for (const { history } of this.#parts.registry.all()) {
      alarms += history.achieved.alarms;
      hours += history.achieved.hours;
    }
    return { alarms, hours, budgetHours: this.#parts.budgetHours };
  }

  /** How the models of each workload fare. */
  models(): WorkloadCards[] {
    return this.#parts.registry.all().map(cardsOf).toSorted(byWorkload);
  }

  /** The same as numbers, of all together. */
  care(): CareNumbers {
    const running = new Set(this.#parts.containers().map(({ identity }) => identity.workload));
    return careNumbers(this.#parts.registry.all(), (workload) => running.has(workload));
  }

  /** What a profile that is an object tells of the workload's baseline; null: there is none. */
  profileOf(workload: string): ProfileSummary | null {
    const baseline = this.#parts.registry.find(workload);
    if (baseline === null) return null;
    const { state, periods, pinned } = baseline;
    const facts = FACT_KINDS.reduce((sum, kind) => sum + baseline.facts(kind), 0);
    return { state, periods: Math.floor(periods), facts, pinned };
  }

  workloads(): WorkloadStatus[] {
    const { windows, registry, containers, budgetHours } = this.#parts;
    const guarding = windows.guarding();
    const running = new Map<string, number>();
    for (const { identity } of containers())
      running.set(identity.workload, (running.get(identity.workload) ?? 0) + 1);
    const statusOfOne = (baseline: Baseline): WorkloadStatus =>
      statusOf(baseline, {
        containers: running.get(baseline.workload) ?? 0,
        guarding: guarding.get(baseline.workload) ?? 0,
        budgetHours,
      });
    return registry.all().map(statusOfOne).toSorted(byWorkload);
  }
}
