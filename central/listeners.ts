/** What central listens with for agents and people, and what each may ask for. */
import { join } from 'node:path';
import type { Clock } from '../kit/clock.ts';
import type { Log } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import type { Clusters } from './clusters.ts';
import { type ApiServer, createApiServer } from './console/api.ts';
import { createSlackActions } from './console/slack.ts';
import { takeFalco } from './falco.ts';
import type { Feedback } from './feedback/feedback.ts';
import type { Reranker } from './feedback/reranker.ts';
import type { Guidance } from './guidance.ts';
import { createAccept } from './ingest/accept.ts';
import type { OrderStreams } from './ingest/orders-stream.ts';
import { createIngestServer, type IngestServer, type IngestServerParts } from './ingest/server.ts';
import { createTokenReview } from './ingest/token-review.ts';
import type { Notifications } from './notify/notifications.ts';
import type { Pipeline } from './pipeline.ts';
import { sameSecret } from './pki/keys.ts';
import type { Keys } from './pki/open.ts';
import { parseScope } from './respond/scope.ts';
import type { CentralSettings } from './settings.ts';
import type { Store } from './store/database.ts';
import { parseHead, type Trail } from './trail.ts';

export interface ListenerParts {
  readonly settings: CentralSettings;
  readonly clock: Clock;
  readonly log: Log;
}
/** What is behind them. */
export interface Served {
  readonly store: Store;
  readonly keys: Keys;
  readonly pipeline: Pipeline;
  readonly trail: Trail;
  readonly streams: OrderStreams;
  readonly clusters: Clusters;
  readonly notifications: Notifications;
  readonly feedback: Feedback;
  readonly reranker: Reranker;
  readonly guidance: Guidance;
}

export const folderOf = (settings: CentralSettings): string => join(settings['state-folder'], 'central');
export const databaseOf = (settings: CentralSettings): string =>
  settings.database === '' ? join(folderOf(settings), 'picket.db') : settings.database;

export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}
export const urlOf = (scheme: string, address: string, port: number): string =>
  `${scheme}://${address.slice(0, address.lastIndexOf(':'))}:${port}`;

function reviewersOf(
  settings: CentralSettings,
  clusters: Clusters,
): IngestServerParts['enrolment']['nodeOfToken'] {
  const accounts = settings['agent-accounts'];
  return new Map(
    [...clusters].map(([cluster, client]) => [cluster, createTokenReview({ client, accounts })]),
  );
}

/** For agents, and for people. Nothing listens yet. */
export function createListeners(
  parts: ListenerParts,
  open: Served,
  metrics: Metrics,
): { readonly ingest: IngestServer; readonly api: ApiServer } {
  const { settings, clock, log } = parts;
  const { store, keys, pipeline, streams, notifications, feedback, reranker } = open;
  const tls = { ...keys.server, ca: keys.authority.certificate };
  const requests = metrics.counter('requests_total', 'Requests of agents and people by route and outcome.', [
    'route',
    'code',
  ]);
  const count = (route: string, code: string): void => requests.inc({ route, code });
  const presses = metrics.counter('slack_actions_total', 'Presses of Slack buttons by what came of them.', [
    'result',
  ]);
  const ingest = createIngestServer({
    tls,
    maxSummaryBytes: settings['max-summary-bytes'],
    accept: createAccept({
      ...{ sink: pipeline, clock, paceMs: pipeline.paceMs },
      guidance: (report) => open.guidance.replyTo(report, report.standing),
    }),
    enrolment: {
      cluster: settings.cluster,
      joinToken: settings['join-token'] ? keys.joinToken : null,
      nodeOfToken: reviewersOf(settings, open.clusters),
      sameSecret,
      authority: keys.authority,
      orderKeys: () => [{ id: keys.signer.id, publicKey: keys.signer.publicKey }],
      hashKeys: () => keys.hashKeys.valid(),
      record: (enrolment) => pipeline.enrolled(enrolment),
    },
    streams,
    pending: (node) => pipeline.pending(node),
    count,
    log: log.child({ part: 'ingest' }),
  });
  const api = createApiServer({
    tls,
    personOf: (token) => {
      const person = keys.people().find((one) => sameSecret(one.token, token));
      return person === undefined
        ? null
        : { ...person, scope: person.scope === '' ? null : (parseScope(person.scope) ?? []) };
    },
    routes: {
      views: store.views,
      incident: store.incidents.get,
      places: store.places,
      sessions: store.sessions.list,
      workloads: (page) => store.sketches.workloads({ ...page, nowMs: clock.wallMs() }),
      status: async () => ({
        cluster: settings.cluster,
        database: databaseOf(settings),
        streams: streams.size,
        policies: pipeline.policies().documents.map(({ kind, name, version }) => ({ kind, name, version })),
        exceptions: pipeline.policies().exceptions.length + feedback.rules().length,
        notifiers: notifications.notifiers().map(({ name, waiting }) => ({ name, waiting })),
        rows: await store.views.counts(),
        nowMs: clock.wallMs(),
      }),
      parseHead,
      nowMs: clock.wallMs,
      verifyTrail: open.trail.verify,
      clusterOrders: store.clusterOrders.list,
      falco: takeFalco({ cluster: settings.cluster, store, pipeline }),
      deeds: pipeline,
      notifications,
      feedback: {
        feedback,
        reranker,
        written: () => pipeline.policies().exceptions,
        writtenHits: store.views.exceptionHits,
        nowMs: clock.wallMs,
      },
    },
    slack: createSlackActions({
      apps: () => notifications.slackApps(),
      places: store.places,
      deeds: pipeline,
      feedback,
      nowMs: clock.wallMs,
      count: (result) => presses.inc({ result }),
      log: log.child({ part: 'slack' }),
    }),
    count,
    log: log.child({ part: 'console' }),
  });
  return { ingest, api };
}
