/** The objects of every cluster that central knows, and the policies that are objects of its own. */
import type { KubeClient } from '../../kit/kube/client.ts';
import { isKubeError } from '../../kit/kube/error.ts';
import type { WatchTiming } from '../../kit/kube/watch.ts';
import { loop } from '../../kit/loop.ts';
import type { PolicySet } from '../respond/policy.ts';
import { Containments, type ObjectDeeds, type ObjectSource } from './containments.ts';
import type { EventBook } from './event-book.ts';
import { nodeEvents } from './node-events.ts';
import { Nodes, type NodesParts } from './nodes.ts';
import type { Noes } from './noes.ts';
import { PeerObjects, type PeerObjectsParts } from './peers.ts';
import { podEvents } from './pod-events.ts';
import { PolicyObjects } from './policies.ts';
import { ProfileObjects, type ProfileObjectsParts } from './profiles.ts';
import { RuleObjects, type RuleObjectsParts } from './rules.ts';

export interface ControllerParts {
  readonly clusters: ReadonlyMap<string, KubeClient>;
  /** Whose policies are in force. */
  readonly own: string;
  readonly files: PolicySet;
  readonly use: (policies: PolicySet) => Promise<void>;
  readonly source: ObjectSource;
  readonly rules: Pick<RuleObjectsParts, 'check' | 'use'>;
  readonly usePeers: PeerObjectsParts['use'];
  readonly events: Pick<EventBook, 'use'>;
  readonly profiles: Pick<ProfileObjectsParts, 'use' | 'onNodes'>;
  readonly standingOf: NodesParts['standingOf'];
  readonly forgetNodesMs: number;
  readonly deeds: ObjectDeeds;
  readonly noes: Pick<Noes, 'from'>;
  readonly nowMs: () => number;
  readonly passMs: number;
  readonly count: (cluster: string, deed: string) => void;
  /** Each failure; the same one again and again is told once until another comes. */
  readonly onError: (cluster: string, error: unknown) => void;
  readonly timing?: WatchTiming;
}

/** Of one cluster: when its custom resources are not there, it says so and tries again. */
function ofCluster(parts: ControllerParts, cluster: string, client: KubeClient) {
  const { source, deeds, nowMs, timing } = parts;
  let said = '';
  const onError = (error: unknown): void => {
    const words = isKubeError(error) ? `${error.status} ${error.reason} ${error.verb}` : String(error);
    if (words !== said) parts.onError(cluster, error);
    said = words;
  };
  const each = { cluster, client, source, nowMs, onError, ...(timing && { timing }) };
  const containments = new Containments({ ...each, deeds, count: (deed) => parts.count(cluster, deed) });
  parts.noes.from(cluster, () => containments.takeNos());
  const nodes = new Nodes({ ...each, standingOf: parts.standingOf, forgetMs: parts.forgetNodesMs });
  const peers = new PeerObjects({ ...each, use: parts.usePeers });
  const events = { pods: podEvents(each), nodes: nodeEvents(each) };
  parts.events.use(cluster, events);
  const profiles = new ProfileObjects({ ...each, ...parts.profiles });
  const rules = new RuleObjects({ ...each, ...parts.rules });
  const policies =
    cluster === parts.own
      ? [
          new PolicyObjects({
            client,
            files: parts.files,
            use: parts.use,
            nowMs,
            onError,
            ...(timing && { timing }),
          }),
        ]
      : [];
  return {
    onError,
    profiles,
    containments,
    nodes,
    peers,
    watched: [containments, nodes, rules, peers, events.pods, events.nodes, profiles, ...policies],
    documents: [rules, profiles, ...policies],
  };
}

export class Controller {
  /** What was told last of documents that are left out, by cluster and kind. */
  readonly #told = new Map<string, number>();
  readonly #parts: ControllerParts;
  readonly #clusters: readonly (readonly [string, ReturnType<typeof ofCluster>])[];

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#clusters = [...parts.clusters].map(
      ([name, client]) => [name, ofCluster(parts, name, client)] as const,
    );
  }

  /** Clusters by name, and whether all that is watched there is as it is there. */
  inStep(): ReadonlyMap<string, boolean> {
    return new Map(this.#clusters.map(([name, { watched }]) => [name, watched.every((one) => one.inStep)]));
  }

  /** Documents that are objects and not in force because there are too many, by cluster and kind. */
  *leftOut(): Generator<{ readonly cluster: string; readonly kind: string; readonly count: number }> {
    for (const [cluster, { documents }] of this.#clusters)
      for (const { leftOut } of documents)
        for (const [kind, count] of leftOut) yield { cluster, kind, count };
  }

  /** Resolves once the signal is aborted and nothing is under way. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#clusters.flatMap(([, { containments, nodes, peers, profiles, watched, onError }]) => [
        ...watched.map((one) => one.run(signal)),
        loop({ intervalMs: this.#parts.passMs, signal, onError }, async () => {
          await containments.pass();
          await nodes.pass();
          peers.pass();
          await profiles.pass();
          this.#tellLeftOut();
        }),
      ]),
    );
  }

  /** Each time that there are others. */
  #tellLeftOut(): void {
    for (const { cluster, kind, count } of this.leftOut()) {
      const key = `${cluster} ${kind}`;
      if (count === (this.#told.get(key) ?? 0)) continue;
      this.#told.set(key, count);
      const text = `${count} objects of kind ${kind} are not in force: there are too many`;
      if (count > 0) this.#parts.onError(cluster, new Error(text));
    }
  }
}
