/** What the agent's parts count, as it is asked for once for each scrape. */
import type { Costs } from '../costs.ts';
import type { GuidanceCounts } from '../guidance.ts';
import type { NameCounts } from '../identity/peer-names.ts';
import type { CareNumbers } from '../models/care/cards.ts';
import type { RuleCosts } from '../rules/rule.ts';
import type { PodsHealth } from '../source/pods.ts';
import type { ProfileCounts, PromiseStatus } from '../status.ts';
import type { TrainerCounts } from '../training/trainer.ts';

/** Everything that is told as a number; names become labels or parts of names. */
export interface Numbers {
  readonly ready: boolean;
  readonly records: number;
  readonly events: number;
  readonly containers: number;
  readonly names: Readonly<NameCounts>;
  readonly processes: Readonly<Record<'known' | 'forgotten', Readonly<Record<string, number>>>>;
  /** Detections that people said are normal. */
  readonly excepted: number;
  readonly unlooked: number;
  readonly guidance: Readonly<GuidanceCounts>;
  readonly peers: { readonly size: number; readonly stale: number };
  readonly lives: { readonly starts: number; readonly restarts: number; readonly oomKills: number };
  readonly workloads: number;
  readonly profiles: ProfileCounts;
  readonly promise: PromiseStatus;
  readonly canary: {
    readonly intervalMs: number;
    readonly results: Readonly<Record<string, number>>;
    readonly detectMs: number | null;
    readonly provedMs: number | null;
    readonly ageMs: number;
  };
  readonly roles: Readonly<Record<string, number>>;
  readonly training: TrainerCounts;
  readonly costs: Pick<Costs, 'by' | 'windows'>;
  /** Detector → bytes of its models. */
  readonly modelBytes: ReadonlyMap<string, number>;
  readonly care: CareNumbers;
  readonly detections: ReadonlyMap<string, number>;
  readonly alerts: ReadonlyMap<string, number>;
  readonly byDetector: Readonly<Record<'detections' | 'alerts', ReadonlyMap<string, number>>>;
  readonly traffic: Readonly<
    Record<'bytesIn' | 'bytesOut' | 'segments' | 'datagrams' | 'dnsQuestions' | 'dnsFailures', number>
  >;
  readonly alertLog: { readonly written: number; readonly dropped: number; readonly errors: number };
  /** Reason → records, entries or lines lost since the agent started. */
  readonly lost: Readonly<Record<string, number>>;
  readonly frameErrors: number;
  readonly queuedFrames: number;
  readonly spool: { readonly bytes: number; readonly waiting: number; readonly dropped: number };
  readonly uplink: {
    readonly sent: number;
    readonly duplicates: number;
    readonly streamsOpened: number;
    readonly refused: ReadonlyMap<string, number>;
    readonly failures: ReadonlyMap<string, number>;
  };
  readonly enrolmentFailures: ReadonlyMap<string, number>;
  readonly orders: ReadonlyMap<string, number>;
  readonly leases: number;
  /** Code of why the pinned programs cannot be used, or null. */
  readonly containmentRefused: string | null;
  readonly rules: {
    readonly size: number;
    readonly refused: boolean;
    readonly reloads: { readonly loaded: number; readonly refused: number };
    readonly costs: ReadonlyMap<string, RuleCosts>;
  };
  readonly pods: { readonly reads: number; readonly errors: number; readonly health: PodsHealth | null };
  readonly resources: {
    readonly readings: number;
    readonly readMs: number;
    readonly openFiles: number;
    readonly missing: Readonly<Record<string, number>>;
  };
  /** Given out in the kernel. */
  readonly slots: number;
  readonly unplaced: number;
  readonly mapBytes: number;
  readonly mapGroups: Readonly<Record<string, number>>;
  readonly hooksAttached: number;
  readonly hooks: number;
}
