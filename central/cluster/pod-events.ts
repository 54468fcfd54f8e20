/**
 * What Kubernetes says of pods that do not fare well: Unhealthy, BackOff, FailedScheduling, Evicted and other warnings. Watched
 * once, here, for all nodes: the server cannot select Events by node, and each node would be sent those of all. They stand
 * beside what is found in the pod and decide nothing. Their messages are not kept: a probe's output may hold anything.
 */
import type { KubeClient } from '../../kit/kube/client.ts';
import { EVENTS, type KubeObject } from '../../kit/kube/resource.ts';
import { type ChangeKind, Watch, type WatchTiming } from '../../kit/kube/watch.ts';
import { PodEventShelf } from './pod-event-shelf.ts';

export interface PodEvent {
  /** Where the Event is, which is where the server lets who wrote it write. */
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  /** Empty: of the pod as a whole. */
  readonly container: string;
  readonly reason: string;
  /** Times that it happened, as Kubernetes counts. */
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}
interface Kept extends PodEvent {
  readonly key: string;
}

export interface PodEventsParts {
  readonly cluster: string;
  readonly client: KubeClient;
  readonly onError: (error: unknown) => void;
  readonly timing?: WatchTiming | undefined;
}

/** An hour of a large cluster's warnings: the API server forgets them after that. */
const LIMITS = { all: 8192, ofNamespace: 1024 };
const REASON = /^[A-Za-z][A-Za-z0-9]{0,63}$/;
const CONTAINER = /^spec\.(?:initContainers|containers|ephemeralContainers)\{([a-z0-9.-]{1,253})\}$/;

type Json = Readonly<Record<string, unknown>>;
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const timeOf = (...values: readonly unknown[]): number =>
  values.map((value) => (typeof value === 'string' ? Date.parse(value) : Number.NaN)).find((ms) => ms > 0) ??
  0;
const countOf = (...values: readonly unknown[]): number =>
  values.find((value): value is number => Number.isSafeInteger(value) && Number(value) > 0) ?? 1;

/** Null: not of a pod, or not as one is. Of both kinds of Events: with a count, and with a series. */
export function podEventOf(event: KubeObject): Kept | null {
  const [about, series] = [object(event['involvedObject']), object(event['series'])];
  const [uid, pod, reason] = [about['uid'], about['name'], event['reason']];
  const { namespace = '' } = event.metadata;
  if (about['kind'] !== 'Pod' || typeof uid !== 'string' || typeof reason !== 'string') return null;
  // Of a pod elsewhere it is nobody's to tell from here.
  if (typeof pod !== 'string' || namespace === '' || about['namespace'] !== namespace) return null;
  if (!REASON.test(reason) || uid === '' || uid.length > 128 || pod.length > 253) return null;
  const made = event.metadata['creationTimestamp'];
  const firstMs = timeOf(event['firstTimestamp'], event['eventTime'], made);
  return {
    key: event.metadata.uid ?? '',
    ...{ namespace, pod, podUid: uid },
    container: CONTAINER.exec(String(about['fieldPath'] ?? ''))?.[1] ?? '',
    reason,
    count: countOf(event['count'], series['count']),
    firstMs,
    lastMs: Math.max(firstMs, timeOf(event['lastTimestamp'], series['lastObservedTime'])),
  };
}

/** Whose events are asked for; a uid alone is what anybody may have written. */
export interface PodOf {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly container: string;
}

/** Of all clusters, for who looks at what happened in a pod. */
export class PodEventBook {
  readonly #of = new Map<string, Pick<PodEvents, 'all' | 'leftOut'>>();

  use(cluster: string, events: Pick<PodEvents, 'all' | 'leftOut'>): void {
    this.#of.set(cluster, events);
  }

  /** Events that were too many to be kept. */
  get leftOut(): number {
    return [...this.#of.values()].reduce((sum, { leftOut }) => sum + leftOut, 0);
  }

  /** Of the pod, and of this container of it or none in particular; that lasted into this time. */
  during(
    { cluster, namespace, pod, podUid, container }: PodOf,
    { fromMs, toMs }: { fromMs: number; toMs: number },
  ): readonly PodEvent[] {
    if (podUid === '') return [];
    const all = this.#of.get(cluster)?.all() ?? [];
    return all.filter(
      (event) =>
        event.podUid === podUid &&
        event.namespace === namespace &&
        event.pod === pod &&
        (event.container === '' || event.container === container) &&
        event.lastMs >= fromMs &&
        event.firstMs <= toMs,
    );
  }
}

export class PodEvents {
  readonly #watch: Watch<Kept>;
  readonly #kept = new PodEventShelf<Kept>(LIMITS);

  constructor({ client, onError, timing }: PodEventsParts) {
    const query = {
      what: { resource: EVENTS },
      fieldSelector: 'involvedObject.kind=Pod,type=Warning',
      reduce: podEventOf,
    };
    const handlers = {
      listed: (items: readonly Kept[]) => this.#kept.takeAll(items),
      changed: (kind: ChangeKind, item: Kept) =>
        kind === 'DELETED' ? this.#kept.remove(item) : this.#kept.put(item),
      problem: onError,
    };
    this.#watch = new Watch<Kept>(client, query, handlers, timing);
  }

  all(): readonly PodEvent[] {
    return this.#kept.all();
  }

  get leftOut(): number {
    return this.#kept.gone;
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#watch.run(signal);
  }

  get inStep(): boolean {
    return this.#watch.inStep;
  }
}
