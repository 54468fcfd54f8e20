/** What the pipeline says of itself: for people, metrics and the local control. */
import type { FactKind } from './features/fact.ts';
import type { NameCounts } from './identity/peer-names.ts';
import type { Baseline, BaselineState } from './models/baseline.ts';

/** Totals since the pipeline was made. */
export interface PipelineCounts {
  readonly events: number;
  readonly detections: number;
  /** Detections not told, because a container had too many in one window. */
  readonly suppressed: number;
  readonly alerts: number;
  /** Records and flow entries that could not be decoded, by reason. */
  readonly malformed: Readonly<Record<string, number>>;
  /** Records of containers that were not delivered, by reason or `throttled/KIND`. */
  readonly lostOfSlots: Readonly<Record<string, number>>;
  /** Containers made and begun anew, and processes ended for want of memory. */
  readonly starts: number;
  readonly restarts: number;
  readonly oomKills: number;
  readonly held: number;
  /** Events that went on without their pod's name. */
  readonly expired: number;
  readonly podsRefused: number;
  /** Why the last list of pods could not be read, or null. */
  readonly podsProblem: string | null;
  /** States of containers that were not looked at, because there were too many. */
  readonly statesRefused: number;
  /** That are known by what started them, and by whose work they do. */
  readonly processes: number;
  readonly actors: number;
  /** Those that are known no more, by reason. */
  readonly processesForgotten: Readonly<Record<string, number>>;
  readonly openAlerts: number;
  readonly baselines: number;
  /** What was made of DNS answers. */
  readonly names: Readonly<NameCounts>;
  /** Detections that people said are normal; by exception of those that there are. */
  readonly excepted: number;
  /** Detections that were not looked at for it, as their container had too many in one window. */
  readonly unlooked: number;
  readonly exceptedBy: Readonly<Record<string, number>>;
}

/** What the kernel side was told of containers. */
export interface ProfileCounts {
  readonly guarding: number;
  /** Known-good sets given to slots, and pairs told and armed again by one, since the start. */
  readonly loads: number;
  readonly armedAgain: number;
  /** Of all workloads: pairs that need not be told, as each baseline was written last, and facts that are not learnt. */
  readonly pairs: number;
  readonly suspects: number;
  /** Versions of images kept and forgotten for room, rollouts under way, and facts that the versions in force inherit and have not shown yet, as of the last writing. */
  readonly versions: number;
  readonly versionsEvicted: number;
  readonly rollouts: number;
  readonly inherited: number;
}

/** Of one baseline, for an object. */
export interface ProfileSummary {
  readonly state: BaselineState;
  readonly periods: number;
  readonly facts: number;
  readonly pinned: boolean;
}

/** The promise on false alarms, and what became of it. */
export interface PromiseStatus {
  /** Alerts that stand on evidence alone, opened in windows that were seen whole; true or false is for people to say. */
  readonly alarms: number;
  /** Container-hours of such windows. */
  readonly hours: number;
  /** Container-hours in which one false alarm is promised at most, on average. */
  readonly budgetHours: number;
}

export interface WorkloadStatus {
  readonly promise: PromiseStatus;
  readonly workload: string;
  readonly state: BaselineState;
  /** Steady periods learnt, and starts of containers learnt. */
  readonly periods: number;
  readonly starts: number;
  /** Periods not learnt: something was lost; a rule matched. */
  readonly incomplete: number;
  readonly withheld: number;
  readonly containers: number;
  /** Containers whose new pairs of calls are told one by one; the others learn. */
  readonly guarding: number;
  /** Pairs of calls that need not be told, and facts that were called anomalous and are not learnt. */
  readonly pairs: number;
  readonly suspects: number;
  readonly facts: Readonly<Record<FactKind, number>>;
  /** Upper bound of the probability that a period brings something new, by kind. */
  readonly newness: Readonly<Record<FactKind, number>>;
  readonly evicted: number;
  /** Of its image that are kept. */
  readonly versions: number;
}

/** The status of a workload of which so many containers run, and so many guard. */
export function statusOf(
  baseline: Baseline,
  { containers, guarding, budgetHours }: { containers: number; guarding: number; budgetHours: number },
): WorkloadStatus {
  const byKind = (value: (kind: FactKind) => number): Record<FactKind, number> => ({
    exec: value('exec'),
    file: value('file'),
    connect: value('connect'),
    accept: value('accept'),
    syscall: value('syscall'),
    action: value('action'),
    pair: value('pair'),
    compat: value('compat'),
    folder: value('folder'),
    library: value('library'),
    capability: value('capability'),
    listen: value('listen'),
    name: value('name'),
  });
  const { workload, state, periods, starts, incomplete, withheld, evicted } = baseline;
  const { alarms, hours } = baseline.history.achieved;
  return {
    workload,
    promise: { alarms, hours, budgetHours },
    state,
    periods,
    starts,
    incomplete,
    withheld,
    containers,
    guarding,
    pairs: baseline.accepted('pair', 'steady').size,
    suspects: baseline.suspects,
    facts: byKind((kind) => baseline.facts(kind)),
    newness: byKind((kind) => baseline.newness(kind)),
    evicted,
    versions: baseline.versions.size,
  };
}
