/**
 * What Kubernetes says of pods that do not fare well: Unhealthy, BackOff, FailedScheduling, Evicted and other warnings. Watched
 * once, here, for all nodes: the server cannot select Events by node, and each node would be sent those of all. They stand
 * beside what is found in the pod and decide nothing. Their messages are not kept: a probe's output may hold anything.
 */
import type { KubeObject } from '../../kit/kube/resource.ts';
import { type EventHead, EventWatch, type EventWatchParts, headOf, object } from './event-watch.ts';

/** `namespace`: where the Event is, which is where the server lets who wrote it write. */
export interface PodEvent extends EventHead {
  readonly pod: string;
  readonly podUid: string;
  /** Empty: of the pod as a whole. */
  readonly container: string;
}

/** An hour of a large cluster's warnings: the API server forgets them after that. */
const LIMITS = { all: 8192, ofNamespace: 1024 };
const CONTAINER = /^spec\.(?:initContainers|containers|ephemeralContainers)\{([a-z0-9.-]{1,253})\}$/;

/** Null: not of a pod, or not as one is. */
export function podEventOf(event: KubeObject): PodEvent | null {
  const head = headOf(event);
  const about = object(event['involvedObject']);
  const { uid, name: pod } = about;
  if (head === null || about['kind'] !== 'Pod' || typeof uid !== 'string' || typeof pod !== 'string')
    return null;
  // Of a pod elsewhere it is nobody's to tell from here.
  if (about['namespace'] !== head.namespace) return null;
  if (uid === '' || uid.length > 128 || pod.length > 253) return null;
  const container = CONTAINER.exec(String(about['fieldPath'] ?? ''))?.[1] ?? '';
  return { ...head, pod, podUid: uid, container };
}

export const podEvents = (parts: EventWatchParts): EventWatch<PodEvent> =>
  new EventWatch(parts, {
    fieldSelector: 'involvedObject.kind=Pod,type=Warning',
    reduce: podEventOf,
    limits: LIMITS,
  });
