/**
 * How the containers of the node's pods fare, as the kubelet says: what waits and why, what ended and how. A crash loop is
 * one trouble, however often the container is started, and however many replicas of the workload are in it.
 */
import type { ContainerState, Pod } from './pods.ts';

export const TROUBLES = ['crash-loop', 'no-image', 'no-start', 'out-of-memory'] as const;
export type TroubleKind = (typeof TROUBLES)[number];

export interface Trouble {
  readonly kind: TroubleKind;
  readonly pod: Pick<Pod, 'uid' | 'name' | 'namespace' | 'workload'>;
  readonly state: ContainerState;
}

export type WaitKind = 'none' | 'back-off' | 'image';

/** What a list says of a container that is, or was, in trouble, against the list before. */
export interface ContainerChange {
  readonly pod: Pod;
  readonly container: string;
  /** Times that it was started anew since; 0 where it was not in the list before. */
  readonly starts: number;
  /** How the run before ended; null: none did. */
  readonly ended: ContainerState['ended'];
  readonly waits: WaitKind;
}

const WAITING: Readonly<Record<string, TroubleKind>> = {
  CrashLoopBackOff: 'crash-loop',
  ErrImagePull: 'no-image',
  ImagePullBackOff: 'no-image',
  InvalidImageName: 'no-image',
  ErrImageNeverPull: 'no-image',
  ImageInspectError: 'no-image',
  RegistryUnavailable: 'no-image',
  CreateContainerConfigError: 'no-start',
  CreateContainerError: 'no-start',
  RunContainerError: 'no-start',
};
/** The kubelet waits five minutes at most between two starts: what is quiet for longer is over. */
const OVER_NS = 30n * 60n * 1_000_000_000n;
/** Containers whose states are kept, and troubles that were told; further ones are not looked at, and counted. */
const MAX_STATES = 4096;

const keyOf = (uid: string, container: string): string => `${uid} ${container}`;

/** `before`: what the list before said; null: nothing of the container, though its pod was in it where `known`. */
function troubleOf(state: ContainerState, before: ContainerState | null, known: boolean): TroubleKind | null {
  const waits = WAITING[state.waiting];
  if (waits !== undefined) return waits;
  const anew = before === null ? known && state.restarts > 0 : state.restarts > before.restarts;
  return anew && state.ended?.reason === 'OOMKilled' ? 'out-of-memory' : null;
}

/** `known`: its pod was in the list before. */
function changeOf(
  pod: Pod,
  state: ContainerState,
  before: ContainerState | null,
  known: boolean,
): ContainerChange {
  const kind = WAITING[state.waiting];
  const since = before?.restarts ?? (known ? 0 : state.restarts);
  return {
    pod,
    container: state.container,
    starts: Math.max(0, state.restarts - since),
    ended: state.ended,
    waits: kind === undefined ? 'none' : kind === 'no-image' ? 'image' : 'back-off',
  };
}

export class PodStates {
  refused = 0;
  /** Of the list that was taken last. */
  changes: readonly ContainerChange[] = [];
  #states = new Map<string, ContainerState>();
  /** Pods of the last list, but for those of which states were refused. */
  #listed: ReadonlySet<string> = new Set();
  /** Workload, container and kind → when it was seen last, CLOCK_BOOTTIME ns. */
  readonly #seen = new Map<string, bigint>();

  /** What is known of the container, or null. */
  of(podUid: string, container: string): ContainerState | null {
    return this.#states.get(keyOf(podUid, container)) ?? null;
  }

  /** Takes a whole list over; gives the troubles that are new. */
  take(pods: readonly Pod[], now: bigint): Trouble[] {
    const states = new Map<string, ContainerState>();
    const fresh: Trouble[] = [];
    const changes: ContainerChange[] = [];
    const listed = new Set(pods.map(({ uid }) => uid));
    for (const pod of pods)
      for (const state of pod.states ?? []) {
        if (states.size >= MAX_STATES) {
          this.refused += 1;
          listed.delete(pod.uid);
          continue;
        }
        const key = keyOf(pod.uid, state.container);
        states.set(key, state);
        const [before, known] = [this.#states.get(key) ?? null, this.#listed.has(pod.uid)];
        changes.push(changeOf(pod, state, before, known));
        const kind = troubleOf(state, before, known);
        if (kind !== null && this.#isFresh(`${workloadKey(pod)} ${state.container} ${kind}`, now))
          fresh.push({ kind, pod, state });
      }
    this.#states = states;
    this.#listed = listed;
    this.changes = changes;
    return fresh;
  }

  #isFresh(key: string, now: bigint): boolean {
    const last = this.#seen.get(key);
    this.#seen.delete(key);
    this.#seen.set(key, now);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MAX_STATES && oldest !== undefined) this.#seen.delete(oldest);
    return last === undefined || now - last > OVER_NS;
  }
}

const workloadKey = ({ namespace, workload }: Trouble['pod']): string =>
  `${namespace}/${workload.kind}/${workload.name}`;
