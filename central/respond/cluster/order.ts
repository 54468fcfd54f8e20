/** What is to be done in the cluster, is being done, or was; and the slice of storage that carrying it out needs. */
import type { Step } from '../step.ts';
import type { Before, ClusterTarget, Seen } from './action.ts';

/**
 * queued → begun (what was there before is kept) → applied, done (nothing takes it back) or failed. applied → releasing →
 * released or expired. `begun` and `releasing` are gone on with after a death: each action may be done twice.
 */
export const CLUSTER_STATES = [
  'queued',
  'begun',
  'applied',
  'done',
  'failed',
  'releasing',
  'released',
  'expired',
] as const;
export type ClusterState = (typeof CLUSTER_STATES)[number];

/** They reach beyond the namespace of the container: what they change is of none. */
export const BEYOND: readonly string[] = ['cordon'];

export interface ClusterOrder {
  readonly id: string;
  readonly cluster: string;
  readonly action: string;
  readonly target: ClusterTarget;
  readonly incident: string;
  /** Empty: a person asked. */
  readonly policy: string;
  readonly actor: string;
  readonly reason: string;
  readonly state: ClusterState;
  readonly before: Before | null;
  readonly seen: Seen | null;
  readonly detail: string;
  readonly issuedMs: number;
  /** It must begin by then. */
  readonly notAfterMs: number;
  readonly leaseMs: number;
  /** When the lease ends; 0: not applied. */
  readonly untilMs: number;
  /** Who takes it back, when it is a person; empty: its time is over. */
  readonly releasedBy: string;
}
export type ClusterChange = Partial<
  Pick<ClusterOrder, 'state' | 'before' | 'seen' | 'detail' | 'untilMs' | 'releasedBy'>
>;

export interface ClusterOrderStore {
  add(order: ClusterOrder): Promise<void>;
  get(id: string): Promise<ClusterOrder | null>;
  /** Changes it if it still is in this state; false: it is not, nothing was changed. */
  change(id: string, from: ClusterState, change: ClusterChange): Promise<boolean>;
  /** What is to be gone on with: queued, begun, releasing, and applied beyond its time. */
  open(nowMs: number): Promise<readonly ClusterOrder[]>;
  /** Newest first. */
  list(limit: number, incident: string | null): Promise<readonly ClusterOrder[]>;
}
export interface ClusterStore {
  readonly clusterOrders: ClusterOrderStore;
  appendStep(step: Step): Promise<void>;
}
