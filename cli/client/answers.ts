/** The answers of the agent's socket and of central's API, as far as the command line reads them. */
import type { Resources } from '../../agent/events/resources.ts';
import type { Life } from '../../agent/identity/lives.ts';
import type { ProfileCounts, PromiseStatus, WorkloadStatus } from '../../agent/pipeline.ts';
import type { Incident } from '../../central/correlate/incident.ts';
import type { PlanState, Step } from '../../central/respond/execute.ts';
import type { Effect, OrderState } from '../../central/respond/orders.ts';
import type { Plan } from '../../central/respond/plan.ts';
import type { Mode } from '../../central/respond/policy.ts';

export interface HookLine {
  readonly name: string;
  readonly state: 'attached' | 'absent' | 'refused';
  readonly reason: string | null;
}

export interface AgentStatus {
  readonly node: string;
  readonly cluster: string;
  readonly hooks: readonly HookLine[];
}

/** All of the agent's status; counts by name where the agent has maps. */
export interface AgentReport extends AgentStatus {
  readonly pid: number;
  readonly ready: boolean;
  readonly uptimeMs: number;
  readonly source: 'kernel' | 'recording';
  readonly alertLog: string;
  readonly alertLogProblem: string | null;
  /** Left out by older agents. */
  readonly ownNumberProblem?: string | null;
  readonly podsProblem: string | null;
  readonly recordingProblem: string | null;
  /** Null where no pods are looked for; left out by older agents. */
  readonly pods?: {
    readonly source: string;
    readonly inStep: boolean;
    readonly heardMs: number | null;
  } | null;
  /** Left out by agents whose rules were code. */
  readonly rules?: {
    readonly folder: string;
    readonly inForce: number;
    readonly problems: readonly string[];
  };
  readonly containment: { readonly enabled: boolean; readonly refusal: string | null };
  readonly central: { readonly url: string; readonly enrolled: boolean; readonly acceptedAtMs: number };
  readonly numbers: {
    readonly containers: number;
    readonly lives: { readonly starts: number; readonly restarts: number; readonly oomKills: number };
    readonly workloads: number;
    readonly profiles: ProfileCounts;
    /** Left out by agents of before there was a budget. */
    readonly promise?: PromiseStatus;
    /** Left out by agents of before there was one. */
    readonly canary?: {
      readonly intervalMs: number;
      readonly results: Readonly<Record<string, number>>;
      readonly detectMs: number | null;
      readonly provedMs: number | null;
    };
    readonly detections: Readonly<Record<string, number>>;
    readonly alerts: Readonly<Record<string, number>>;
    readonly lost: Readonly<Record<string, number>>;
    /** Left out by agents of before it was counted. */
    readonly traffic?: Readonly<
      Record<'bytesIn' | 'bytesOut' | 'segments' | 'datagrams' | 'dnsQuestions' | 'dnsFailures', number>
    >;
    readonly orders: Readonly<Record<string, number>>;
    readonly spool: { readonly waiting: number };
    readonly uplink: {
      readonly failures: Readonly<Record<string, number>>;
      readonly refused: Readonly<Record<string, number>>;
    };
    readonly leases: number;
    readonly mapBytes: number;
  };
}

export interface CentralReport {
  readonly cluster: string;
  readonly database: string;
  readonly streams: number;
  /** None of these is told to somebody who is for some namespaces only. */
  readonly policies?: readonly { readonly kind: string; readonly name: string }[];
  readonly exceptions?: number;
  readonly notifiers?: readonly { readonly name: string; readonly waiting: number }[];
  readonly rows?: Readonly<Record<string, number>>;
}

export type WorkloadLine = Pick<
  WorkloadStatus,
  | 'workload'
  | 'state'
  | 'periods'
  | 'starts'
  | 'incomplete'
  | 'withheld'
  | 'containers'
  | 'guarding'
  | 'pairs'
  | 'suspects'
> & { readonly promise?: PromiseStatus };

/** A container as the agent of this machine knows it. */
export interface WatchedContainer {
  readonly id: string;
  readonly kind: 'container' | 'service' | 'host';
  readonly name: string;
  readonly pod: string;
  readonly namespace: string;
  /** Null: it was there before the agent. */
  readonly aliveMs: number | null;
  readonly resources: Resources | null;
  readonly life: Life;
}

export interface ContainerLine {
  readonly id: string;
  readonly name: string;
  readonly pod: string;
  readonly workload: string;
}

export type IncidentLine = Pick<
  Incident,
  'id' | 'state' | 'severity' | 'priority' | 'title' | 'firstMs' | 'lastMs' | 'involved'
> & {
  /** How likely it is real, as learnt from verdicts; null: no model is in force. */
  readonly rank: number | null;
};
export type IncidentAnswer = Incident & {
  readonly plans: readonly (Plan & { readonly state: PlanState })[];
  readonly orders: readonly PeopleContainment[];
  readonly steps: readonly Step[];
};
/** An order as central's API tells it. */
export interface PeopleContainment {
  readonly id: string;
  readonly state: OrderState;
}

/** A containment of the list, which says more. */
export interface ListedContainment extends PeopleContainment {
  readonly container: { readonly id: string; readonly name: string; readonly workload: string };
  readonly node: string;
  readonly reason: string;
  readonly actor: string;
  readonly networkDeny: boolean;
  readonly killOnExec: boolean;
  readonly issuedMs: number;
  /** Unix time at which the node says that it ends; 0: not applied. */
  readonly untilMs: number;
  readonly detail: string;
  /** What the node found when it looked; null: not told. Left out by centrals of before it was. */
  readonly effect?: Effect | null;
}

export type { Activity } from '../../central/store/activity.ts';

export interface PolicyLine {
  readonly kind: string;
  readonly inForce: boolean;
  readonly document: { readonly spec?: { readonly mode?: Mode } };
}
