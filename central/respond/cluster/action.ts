/** The contract of what central does in the cluster. One file for each action; index.ts has the list. */
import type { KubeClient } from '../../../kit/kube/client.ts';
import type { Permission } from '../../../kit/kube/permission.ts';
import type { Reversal } from '../actions.ts';

/** Whose pod, workload and node it is about, as the agent that watches the pod says. */
export interface ClusterTarget {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  /** The container that it is about: its name in the pod, and its id. */
  readonly container: string;
  readonly containerId: string;
  /** cluster/namespace/Kind/name/container. */
  readonly workload: string;
}
export interface On {
  readonly kube: Pick<KubeClient, 'get' | 'find' | 'list' | 'create' | 'patch' | 'delete' | 'evict'>;
  readonly target: ClusterTarget;
  /** Id of the order: what is made or changed carries it, so that nobody else's is undone. */
  readonly order: string;
}
/** What was there before, as plain JSON: all that `undo` needs. Kept before anything is changed. */
export type Before = Readonly<Record<string, unknown>>;
export interface Seen {
  readonly verified: boolean;
  readonly proof: readonly string[];
  /** What stays open all the same. */
  readonly open: readonly string[];
}

export interface ClusterAction {
  readonly name: string;
  readonly reversal: Reversal;
  readonly sentence: string;
  /** What takes it back, in words. */
  readonly undoWords: string;
  /** Every verb that its four functions use, and no other. */
  readonly permissions: readonly Permission[];
  /** Looks only. @throws NothingToDo when there is nothing that it could be done to, KubeError */
  prepare(on: On): Promise<Before>;
  /** May be called again with the same `before` after a death in the middle. @throws KubeError */
  execute(on: On, before: Before): Promise<void>;
  verify(on: On, before: Before): Promise<Seen>;
  /** What somebody else changed meanwhile stays as it is. Called again it does nothing. Null: there is no undo. */
  readonly undo: ((on: On, before: Before) => Promise<void>) | null;
}

/** The pod is another, the owner is of a kind without replicas, and the like. */
export class NothingToDo extends Error {
  readonly code = 'PICKET_NOTHING_TO_DO';
}

export const ORDER_LABEL = 'picket.dev/order';
export const MANAGER = 'picket-central';
