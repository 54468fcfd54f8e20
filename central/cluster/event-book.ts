/** Events of all clusters, for who looks at what happened in a pod or to a node. */
import type { NodeEvent } from './node-events.ts';
import type { PodEvent } from './pod-events.ts';

/** Whose events are asked for; a uid alone is what anybody may have written. */
export interface PodOf {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly container: string;
}
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}
interface Shelf<T> {
  all(): readonly T[];
  readonly leftOut: number;
}
export interface ClusterEvents {
  readonly pods: Shelf<PodEvent>;
  readonly nodes: Shelf<NodeEvent>;
}

const lasts = ({ firstMs, lastMs }: { firstMs: number; lastMs: number }, { fromMs, toMs }: Span): boolean =>
  lastMs >= fromMs && firstMs <= toMs;

export class EventBook {
  readonly #of = new Map<string, ClusterEvents>();

  use(cluster: string, events: ClusterEvents): void {
    this.#of.set(cluster, events);
  }

  /** Events that were too many to be kept. */
  get leftOut(): number {
    return [...this.#of.values()].reduce((sum, { pods, nodes }) => sum + pods.leftOut + nodes.leftOut, 0);
  }

  /** Of the pod, and of this container of it or none in particular; that lasted into this time. */
  ofPod({ cluster, namespace, pod, podUid, container }: PodOf, span: Span): readonly PodEvent[] {
    if (podUid === '') return [];
    const all = this.#of.get(cluster)?.pods.all() ?? [];
    return all.filter(
      (event) =>
        event.podUid === podUid &&
        event.namespace === namespace &&
        event.pod === pod &&
        (event.container === '' || event.container === container) &&
        lasts(event, span),
    );
  }

  ofNode({ cluster, node }: { cluster: string; node: string }, span: Span): readonly NodeEvent[] {
    const all = this.#of.get(cluster)?.nodes.all() ?? [];
    return all.filter((event) => event.node === node && lasts(event, span));
  }
}
