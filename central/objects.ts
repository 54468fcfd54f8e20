/** What objects of the clusters are wired to: documents in force and what nodes are told, until central stops. */
import type { Clock } from '../kit/clock.ts';
import type { Log } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import { Controller } from './cluster/controller.ts';
import type { EventBook } from './cluster/event-book.ts';
import type { Noes } from './cluster/noes.ts';
import { SOURCE } from './cluster/policies.ts';
import type { Clusters } from './clusters.ts';
import type { Feedback } from './feedback/feedback.ts';
import type { Reranker } from './feedback/reranker.ts';
import { Guidance } from './guidance.ts';
import type { Pipeline } from './pipeline.ts';
import { type PolicySet, parsePolicies } from './respond/policy.ts';
import { checkRule } from './rule-check.ts';
import type { Store } from './store/database.ts';

interface KnownPolicy {
  readonly kind: string;
  readonly name: string;
  readonly inForce: boolean;
  readonly source: string;
  readonly document: unknown;
}

const MAX_KNOWN = 4000;

/** Objects that were in force when central stopped: they are until the API server says otherwise. */
export async function objectsBefore(store: Store, files: PolicySet): Promise<PolicySet> {
  const taken = new Set(files.documents.map(({ kind, name }) => `${kind} ${name}`));
  const known = (await store.views.policies(MAX_KNOWN)) as readonly KnownPolicy[];
  const texts = known
    .filter((one) => one.inForce && one.source === SOURCE && !taken.has(`${one.kind} ${one.name}`))
    .map((one) => JSON.stringify(one.document));
  return parsePolicies(texts.toReversed().map((text) => ({ path: SOURCE, text })));
}

export interface GuidanceOf {
  readonly pipeline: Pick<Pipeline, 'policies'>;
  readonly feedback: Pick<Feedback, 'rules'>;
  readonly reranker: Pick<Reranker, 'judged'>;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
}

/** What nodes are told, and how many of them have it. */
export function openGuidance({ pipeline, feedback, reranker, metrics, nowMs }: GuidanceOf): Guidance {
  const guidance = new Guidance({
    exceptions: () => [...pipeline.policies().exceptions, ...feedback.rules()],
    judged: () => reranker.judged(),
    nowMs,
  });
  metrics.gauge(
    'nodes_by_rules',
    'Nodes heard in the last ten minutes, by what became of the rules that are objects.',
    ['state'],
    (gauge) => {
      for (const [state, count] of Object.entries(guidance.nodesByRules())) gauge.set({ state }, count);
    },
  );
  metrics.gauge('exceptions_left_out', 'Exceptions too many to be told to nodes.', [], (gauge) =>
    gauge.set(guidance.exceptionsLeftOut),
  );
  metrics.gauge(
    'named_addresses',
    'Addresses of clusters whose workload or service nodes are told.',
    [],
    (gauge) => gauge.set(guidance.addresses),
  );
  metrics.gauge(
    'named_addresses_left_out',
    'Addresses of clusters too many to be told to nodes.',
    [],
    (gauge) => gauge.set(guidance.addressesLeftOut),
  );
  return guidance;
}

export interface ObjectsParts {
  readonly clusters: Clusters;
  readonly own: string;
  /** In force before any object. */
  readonly files: PolicySet;
  readonly store: Pick<Store, 'objects'>;
  readonly pipeline: Pipeline;
  readonly guidance: Guidance;
  readonly noes: Noes;
  readonly events: EventBook;
  readonly passMs: number;
  readonly forgetNodesMs: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The custom resources of all clusters; resolves once the signal is aborted and nothing is under way. */
export function keepObjects(parts: ObjectsParts): Promise<void> {
  const { clusters, store, pipeline, guidance, clock, metrics, log } = parts;
  const deeds = metrics.counter('object_deeds_total', 'What was done for objects of the cluster.', [
    'cluster',
    'deed',
  ]);
  const controller = new Controller({
    clusters,
    own: parts.own,
    files: parts.files,
    use: (policies) => pipeline.use(policies),
    source: store.objects,
    deeds: pipeline,
    noes: parts.noes,
    rules: { check: checkRule, use: (cluster, rules) => guidance.useRules(cluster, rules) },
    usePeers: (cluster, peers, leftOut) => guidance.usePeers(cluster, peers, leftOut),
    profiles: {
      use: (cluster, profiles) => guidance.useProfiles(cluster, profiles),
      onNodes: (cluster) => guidance.profilesOn(cluster),
    },
    standingOf: (node) => guidance.standingOf(node),
    events: parts.events,
    nowMs: clock.wallMs,
    ...{ passMs: parts.passMs, forgetNodesMs: parts.forgetNodesMs },
    count: (cluster, deed) => deeds.inc({ cluster, deed }),
    onError: (cluster, error) => log.warn({ err: error, cluster }, 'objects of the cluster'),
  });
  metrics.gauge(
    'objects_in_step',
    '1 while what is known of the custom resources of a cluster is what they are, as far as can be told.',
    ['cluster'],
    (gauge) => {
      for (const [cluster, inStep] of controller.inStep()) gauge.set({ cluster }, Number(inStep));
    },
  );
  metrics.gauge(
    'objects_left_out',
    'Rules, profiles, policies and exceptions that are objects and not in force because there are too many.',
    ['cluster', 'kind'],
    (gauge) => {
      for (const { cluster, kind, count } of controller.leftOut()) gauge.set({ cluster, kind }, count);
    },
  );
  return controller.run(parts.signal);
}
