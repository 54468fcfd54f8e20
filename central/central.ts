/** Builds the parts of central, passes values from stage to stage, starts and stops. The only file that knows all of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../kit/clock.ts';
import type { Log } from '../kit/log.ts';
import { loop } from '../kit/loop.ts';
import { createMetrics, type Metrics, observeLoopDelay } from '../kit/metrics.ts';
import { LOOK } from '../wire/index.ts';
import { type ApiActivity, createApiActivity } from './api-activity.ts';
import type { AuditServer } from './audit/server.ts';
import { tokenInPath } from './audit/server.ts';
import { openAuditListener } from './audit-listener.ts';
import { EventBook } from './cluster/event-book.ts';
import { Noes } from './cluster/noes.ts';
import { joined } from './cluster/policies.ts';
import { type Clusters, openClusters } from './clusters.ts';
import type { ApiServer } from './console/api.ts';
import { createMetricsServer, type MetricsServer } from './console/metrics.ts';
import { createDeafness } from './deafness.ts';
import { createFeedback, type Feedback } from './feedback/feedback.ts';
import { judgedByDetector } from './feedback/judged.ts';
import { createReranker, type Reranker } from './feedback/reranker.ts';

import { encodeOrderPayload } from './ingest/envelope.ts';
import { createOrderStreams } from './ingest/orders-stream.ts';
import type { IngestServer } from './ingest/server.ts';
import { createListeners, databaseOf, folderOf, type Served, splitAddress, urlOf } from './listeners.ts';
import { CANARY, createNotifications, type NotificationParts } from './notify/notifications.ts';
import type { DeadLetter } from './notify/notifier.ts';
import { keepObjects, objectsBefore, openGuidance } from './objects.ts';
import { createPipeline } from './pipeline.ts';
import { readPrivate } from './pki/files.ts';
import { type Keys, openKeys } from './pki/open.ts';
import { forAgents, forWebhook, type Publication, publish } from './pki/publish.ts';
import { createOrderFactory } from './respond/orders.ts';
import { type PolicySet, parsePolicies } from './respond/policy.ts';
import type { CentralSettings } from './settings.ts';
import { createSilence } from './silence.ts';
import { fileDialect, openStore, type Store } from './store/database.ts';
import { Around } from './surroundings.ts';
import { createTrail, type Trail } from './trail.ts';
import { createUpkeep } from './upkeep.ts';

export interface CentralParts {
  readonly settings: CentralSettings;
  readonly clock: Clock;
  readonly log: Log;
  /** How often leases, quiet incidents and unanswered incidents are looked at; 2000. */
  readonly tickMs?: number;
  /** Tries of a delivery and their waits, for tests. */
  readonly delivery?: {
    readonly tries: number;
    readonly wait: { readonly baseMs: number; readonly limitMs: number };
  };
}
/** What a started central can be reached by. */
export interface CentralReady {
  readonly agents: string;
  readonly api: string;
  readonly metrics: string;
  /** For audit and admission webhooks; empty: not asked for. */
  readonly audit: string;
  readonly database: string;
  /** `name:mode`, in order. */
  readonly policies: readonly string[];
  /** Files that other processes on this machine read. */
  readonly files: {
    readonly ca: string;
    readonly joinToken: string;
    readonly apiToken: string;
    readonly auditToken: string;
  };
}
export interface Central {
  /** Once. @throws KeyFileError, PolicyError, or what the system says of an address or a file; nothing is left open then. */
  start(): Promise<CentralReady>;
  /** Any number of times; resolves when all is closed, within 3 s. */
  stop(): Promise<void>;
}

const TICK_MS = 2000;
/** Between looks at audit logs, and before what an admission review told is kept. */
const AUDIT_MS = 500;
/** Between looks whether lists of threats changed. */
const INTEL_MS = 60_000;
/** Nodes that are told, in each tick, that a reply has something for them. */
const LOOKS = 200;
const UPKEEP_MS = 3_600_000;
/** Liveness: the tick has run within so many of its intervals. */
const LATE_TICKS = 15;

/** Everything that is open; closed in reverse. */
interface Open extends Served {
  readonly silence: { tick(): Promise<void> };
  readonly deafness: { tick(): Promise<void> };
  readonly ingest: IngestServer;
  readonly api: ApiServer;
  readonly metricsServer: MetricsServer;
  readonly activity: ApiActivity;
  readonly around: Around;
  readonly audit: AuditServer | null;
}

function readPolicies(settings: CentralSettings): PolicySet {
  return parsePolicies(settings['policy-files'].map((path) => ({ path, text: readFileSync(path, 'utf8') })));
}

class RunningCentral implements Central {
  private readonly parts: CentralParts;
  private readonly metrics: Metrics = createMetrics('central');
  private readonly stopping = new AbortController();
  private readonly loops: Promise<void>[] = [];
  /** Closers in the order in which things were opened. */
  private readonly closers: (() => Promise<void> | void)[] = [];
  private started: Promise<CentralReady> | null = null;
  private stopped: Promise<void> | null = null;
  private lastTick = performance.now();
  private serving = false;

  constructor(parts: CentralParts) {
    this.parts = parts;
  }

  start(): Promise<CentralReady> {
    this.started ??= this.open().catch(async (error: unknown) => {
      await this.stop();
      throw error;
    });
    return this.started;
  }

  private async open(): Promise<CentralReady> {
    const { settings, clock, log } = this.parts;
    const files = readPolicies(settings);
    const keys = await openKeys(folderOf(settings), settings['central-names'], clock);
    const store = await openStore({ dialect: fileDialect(databaseOf(settings)), auditKey: keys.auditKey });
    this.closers.push(() => store.close());
    const clusters = openClusters(settings, this.metrics);
    for (const client of clusters.values()) this.closers.push(() => client.close());
    const hasObjects = clusters.size > 0 && settings['custom-resources'];
    const policies = hasObjects ? joined(files, await objectsBefore(store, files)) : files;
    const notifications = createNotifications({
      ...this.parts,
      log: log.child({ part: 'notify' }),
      metrics: this.metrics,
      readPrivate,
      deadLetter: this.bury(store),
      canaryTold: this.noteCanary(store),
    });
    this.closers.push(() => notifications.close());
    const cuts = this.metrics.counter(
      'order_streams_cut_total',
      'Order streams that central ended, by reason.',
      ['reason'],
    );
    const streams = createOrderStreams({ onCut: (reason) => cuts.inc({ reason }) });
    this.metrics.gauge('order_streams', 'Open order streams.', [], (gauge) => gauge.set(streams.size));
    const orders = createOrderFactory({
      signer: keys.signer,
      encode: encodeOrderPayload,
      nowMs: clock.wallMs,
    });
    const { feedback, reranker } = this.openFeedback({ store, keys, notifications });
    await feedback.load();
    await reranker.update();
    const around = new Around(settings, {
      ...{ metrics: this.metrics, nowMs: clock.wallMs },
      log: log.child({ part: 'correlate' }),
    });
    const events = new EventBook();
    this.metrics.gauge(
      'pod_events_left_out',
      'Events about pods and nodes that were too many to be kept.',
      [],
      (gauge) => gauge.set(events.leftOut),
    );
    const noes = new Noes({
      clusters: hasObjects ? [...clusters.keys()] : [],
      onUnheard: (cluster, error) =>
        log.warn({ err: error, cluster }, 'not read what people refused: what waits for them there stays'),
    });
    const pipeline = createPipeline({
      around,
      noes,
      events,
      store,
      clock,
      orders,
      streams,
      policies,
      cluster: { enabled: settings['cluster-actions'], kubeOf: (name) => clusters.get(name) ?? null },
      exceptions: feedback.rules,
      windowMs: settings['incident-window'],
      hashKeys: () => keys.hashKeys.valid(),
      metrics: this.metrics,
      log: log.child({ part: 'pipeline' }),
      notify: notifications.notify.bind(notifications),
    });
    this.closers.push(() => pipeline.stop());
    await pipeline.putInForce();
    const activity = createApiActivity({
      events,
      ...{ cluster: settings.cluster, store, pipeline, clock, metrics: this.metrics },
      log: log.child({ part: 'audit' }),
    });
    await activity.start();
    const trail = await this.openTrail(store);
    const guidance = openGuidance({
      pipeline,
      feedback,
      reranker,
      metrics: this.metrics,
      nowMs: clock.wallMs,
    });
    const parts = { notifications, feedback, reranker, activity, trail, around, guidance };
    const open = { store, keys, pipeline, streams, clusters, ...parts };
    const audit = openAuditListener(this.parts, { keys, activity, metrics: this.metrics });
    const { ingest, api } = createListeners(this.parts, open, this.metrics);
    const metricsServer = createMetricsServer({
      metrics: this.metrics,
      ready: () => (this.serving ? null : 'not serving'),
      alive: () => performance.now() - this.lastTick < LATE_TICKS * (this.parts.tickMs ?? TICK_MS),
    });
    this.closers.push(observeLoopDelay(this.metrics));
    const ready = await this.listen({ ingest, api, metricsServer, audit }, policies);
    const notify = notifications.notify.bind(notifications);
    const watched = { store, pipeline, clock, metrics: this.metrics, notify };
    const silence = createSilence({ ...watched, afterMs: settings['silent-after'] });
    const deafness = createDeafness({ ...watched, silentAfterMs: settings['silent-after'] });
    this.runLoops({ ...open, silence, deafness, ingest, api, metricsServer, audit });
    if (hasObjects)
      this.loops.push(
        keepObjects({
          ...{ clusters, store, pipeline, guidance, noes, events, files, clock, log },
          metrics: this.metrics,
          ...{ own: settings.cluster, passMs: this.parts.tickMs ?? TICK_MS, signal: this.stopping.signal },
          forgetNodesMs: settings['keep-nodes'],
        }),
      );
    this.publish(keys, clusters);
    this.serving = true;
    return ready;
  }

  private openFeedback({ store, keys, notifications }: Pick<Open, 'store' | 'keys' | 'notifications'>): {
    feedback: Feedback;
    reranker: Reranker;
  } {
    const nowMs = this.parts.clock.wallMs;
    const counter = this.metrics.counter(
      'feedback_total',
      'Verdicts of people, and exceptions that they made and took back.',
      ['what'],
    );
    const changes = this.metrics.counter(
      'reranking_candidates_total',
      'Newer re-ranking models by what became of them: promoted, or dropped.',
      ['change'],
    );
    const reranker = createReranker({ store, nowMs, count: (change) => changes.inc({ change }) });
    this.metrics.gauge(
      'judged_alerts',
      'Alerts that people judged, by detector that they stand on; of the last 1000 verdicts.',
      ['detector', 'verdict'],
      (gauge) => {
        gauge.reset();
        for (const { detector, hits, falseAlarms } of judgedByDetector(reranker.judged()).values()) {
          gauge.set({ detector, verdict: 'true-positive' }, hits);
          gauge.set({ detector, verdict: 'false-positive' }, falseAlarms);
        }
      },
    );
    const feedback = createFeedback({
      store,
      nowMs,
      hashKeys: () => keys.hashKeys.valid(),
      notify: notifications.notify.bind(notifications),
      count: (what) => counter.inc({ what }),
      learn: () => reranker.update(),
    });
    this.metrics.gauge('exceptions', 'Exceptions of people in force.', [], (gauge) =>
      gauge.set(feedback.rules().length),
    );
    return { feedback, reranker };
  }

  /** A record that is not whole is told; what is done next is written down all the same. */
  private async openTrail(store: Store): Promise<Trail> {
    const trail = createTrail(folderOf(this.parts.settings), store.steps);
    const { broken } = await trail.verify(null);
    const gauge = this.metrics.gauge('audit_whole', 'Whether the table of steps was whole at the start.', []);
    gauge.set(broken === null ? 1 : 0);
    if (broken !== null) this.parts.log.error({ ...broken }, 'the record of what was done is not whole');
    this.closers.push(() => trail.keep());
    return trail;
  }

  /** Never rejects: a letter that cannot be stored is logged and gone. */
  private bury(store: Store): (letter: DeadLetter) => Promise<void> {
    const { log } = this.parts;
    return async (letter) => {
      const { notifier, error, tries, notification } = letter;
      log.warn({ notifier, error, tries, notification: notification.id }, 'notification given up');
      await store.journal
        .bury(letter)
        .catch((reason: unknown) => log.error({ err: reason }, 'dead letter not stored'));
    };
  }

  /** Of the built-in receiver: the others are counted, and may be away. */
  private noteCanary(store: Store): NonNullable<NotificationParts['canaryTold']> {
    const { clock, log } = this.parts;
    return ({ notifier, cluster, actor, tookMs }) => {
      if (notifier !== CANARY) return;
      const node = actor.replace(/^node:/, '');
      store.canaries
        .notified({ cluster, node }, { tookMs, atMs: clock.wallMs() })
        .catch((error: unknown) => log.error({ err: error }, 'canary not noted'));
    };
  }

  private async listen(
    { ingest, api, metricsServer, audit }: Pick<Open, 'ingest' | 'api' | 'metricsServer' | 'audit'>,
    policies: PolicySet,
  ): Promise<CentralReady> {
    const { settings } = this.parts;
    const on = async (
      name: 'central-listen' | 'api-listen' | 'central-metrics-listen' | 'audit-listen',
      scheme: string,
      server: { listen(host: string, port: number): Promise<number>; close(): Promise<void> },
    ): Promise<string> => {
      const { host, port } = splitAddress(settings[name]);
      const bound = await server.listen(host, port);
      this.closers.push(() => server.close());
      return urlOf(scheme, settings[name], bound);
    };
    const folder = folderOf(settings);
    return {
      agents: await on('central-listen', 'https', ingest),
      api: await on('api-listen', 'https', api),
      metrics: await on('central-metrics-listen', 'http', metricsServer),
      audit: audit === null ? '' : await on('audit-listen', 'https', audit),
      database: databaseOf(settings),
      policies: policies.policies.map(({ name, mode }) => `${name}:${mode}`),
      files: {
        ca: join(folder, 'ca.crt'),
        joinToken: join(folder, 'join-token'),
        apiToken: join(folder, 'api-token'),
        auditToken: join(folder, 'audit-token'),
      },
    };
  }

  private runLoops({
    store,
    keys,
    pipeline,
    trail,
    notifications,
    ingest,
    api,
    activity,
    audit,
    around,
    silence,
    deafness,
    guidance,
    streams,
  }: Open): void {
    const { settings, clock, log } = this.parts;
    const { signal } = this.stopping;
    const upkeep = createUpkeep({ store, settings, nowMs: clock.wallMs, metrics: this.metrics, log });
    const failures = this.metrics.counter('loop_failures_total', 'Failed runs of periodic work.', ['work']);
    const failed = (work: string) => (error: unknown) => {
      failures.inc({ work });
      log.error({ err: error, work }, 'periodic work failed');
    };
    this.loops.push(
      loop({ intervalMs: this.parts.tickMs ?? TICK_MS, signal, onError: failed('tick') }, async () => {
        notifications.reload();
        await pipeline.tick();
        await trail.keep();
        for (const node of guidance.behind(LOOKS)) streams.push(node, [LOOK]);
        await silence.tick();
        await deafness.tick();
        this.lastTick = performance.now();
      }),
      loop({ intervalMs: this.parts.tickMs ?? AUDIT_MS, signal, onError: failed('audit') }, async () => {
        await activity.follow(settings['audit-files']);
        await activity.tick();
      }),
      loop({ intervalMs: INTEL_MS, signal, onError: failed('intel') }, () => around.refresh()),
      loop({ intervalMs: UPKEEP_MS, signal, onError: failed('retention') }, () => upkeep.run(signal)),
      loop({ intervalMs: UPKEEP_MS, signal, onError: failed('certificate') }, async () => {
        const server = await keys.authority.server(settings['central-names']);
        ingest.renewTls({ ...server, ca: keys.authority.certificate });
        api.renewTls(server);
        audit?.renewTls(server);
      }),
    );
  }

  private publish(keys: Keys, clusters: Clusters): void {
    const { settings, log } = this.parts;
    const { certificate } = keys.authority;
    const { signal } = this.stopping;
    const client = clusters.get(settings.cluster);
    const [agents, webhook] = [settings['publish-authority'], settings['admission-webhook']];
    const wanted: [string, Publication][] = [];
    if (agents !== '') wanted.push([agents, forAgents(agents, certificate)]);
    if (webhook !== '')
      wanted.push([webhook, forWebhook(webhook, certificate, tokenInPath(keys.auditToken))]);
    for (const [where, what] of wanted) {
      const onError = (err: unknown): void => log.error({ err, where }, 'authority not published');
      const onPublished = (): void => log.info({ where }, 'authority published');
      if (client === undefined) onError(new Error('central speaks to no API server'));
      else this.loops.push(publish({ client, what, signal, onPublished, onError }));
    }
  }

  stop(): Promise<void> {
    this.stopped ??= this.close();
    return this.stopped;
  }

  private async close(): Promise<void> {
    this.serving = false;
    this.stopping.abort();
    await Promise.all(this.loops);
    for (const close of this.closers.reverse())
      try {
        await close();
      } catch (error) {
        this.parts.log.error({ err: error }, 'close failed');
      }
  }
}

/** Has no effect outside before `start`. */
export function createCentral(parts: CentralParts): Central {
  return new RunningCentral(parts);
}
