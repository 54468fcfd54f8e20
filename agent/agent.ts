/** Builds the agent's parts, passes values from stage to stage, starts and stops them. */
import { join } from 'node:path';
import { type Clock, bootId as readBootId, systemClock } from '../kit/clock.ts';
import type { Log } from '../kit/log.ts';
import { loop } from '../kit/loop.ts';
import type { Containments, NativeAddon, Probe } from '../native/index.ts';
import type { Alert } from './alerts/alert.ts';
import { alertLine } from './alerts/alert.ts';
import { AlertLog } from './alerts/alert-log.ts';
import { type Detection, detectionLine } from './alerts/detection.ts';
import { rankOf } from './alerts/severity.ts';
import { Leases } from './contain/leases.ts';
import { nodeAddresses } from './contain/node-addresses.ts';
import { createVerifier, type Verifier } from './contain/verify.ts';
import { json, type Listening, listenLocal, listenPublic, type Routes } from './control/server.ts';
import type { Frame, Start } from './events/frame.ts';
import { type Recording, RecordingWriter } from './events/recording.ts';
import type { Container } from './identity/container.ts';
import { agentMetrics, type Numbers } from './metrics.ts';
import { Checkpoint } from './models/checkpoint.ts';
import { type ContainerWindow, Pipeline } from './pipeline.ts';
import type { AgentSettings } from './settings.ts';
import { findCgroupRoot, ownCgroup } from './source/cgroups.ts';
import { lossesOf } from './source/counts.ts';
import { LiveSource } from './source/live.ts';
import { PodsReader } from './source/pods.ts';
import { FrameQueue } from './source/queue.ts';
import { replay } from './source/replay.ts';
import { CA, type Enrolled } from './uplink/files.ts';
import { Membership } from './uplink/membership.ts';
import { alertMessage, containerMessage, detectionMessage, windowMessage } from './uplink/shapes.ts';
import { type Segment, Spool } from './uplink/spool.ts';
import {
  alertEntry,
  containerEntry,
  detectionEntry,
  orderReportEntry,
  summaryOf,
  windowEntry,
} from './uplink/summarize.ts';
import { Uplink } from './uplink/uplink.ts';

export interface AgentOptions {
  readonly settings: AgentSettings;
  /** The node's name: the setting, or the host name. */
  readonly node: string;
  readonly version: string;
  readonly log: Log;
  /** Copies of the alert log's lines, for --alert-log-stdout. */
  readonly out: (text: string) => void;
  readonly addon: () => NativeAddon;
  /** Everything that enters the pipeline is also written here. */
  readonly record: { readonly path: string; readonly redact: boolean } | null;
  /** In place of this machine: no probe is loaded and nothing is contained. */
  readonly replay: { readonly recording: Recording; readonly speed: number } | null;
  readonly clock?: Clock;
  readonly bootId?: string;
}

/** What the line `ready` says. */
export interface Ready {
  readonly node: string;
  readonly hooksAttached: number;
  readonly hooks: number;
  readonly containers: number;
  readonly alertLog: string;
  /** Where metrics are served. */
  readonly port: number;
}

const CHECKPOINT_MS = 60_000;
const ADDRESSES_MS = 60_000;
const KEPT_ALERT_LOGS = 3;
const RECORDING_BYTES = 4 * 1024 ** 3;
/** Detections from here on go up at once. */
const URGENT = rankOf('high');
/** Windows that may be missed before the agent counts as stuck. */
const STUCK_WINDOWS = 3;
const STUCK_MS = 10_000;
const STOP_CHECKPOINT_MS = 1500;

/** Takes no orders: where nothing can be contained. */
const NOTHING_CONTAINED: Pick<Containments, 'contain' | 'release' | 'list'> = {
  contain: () => {
    throw new Error('containment is not available here');
  },
  release: () => false,
  list: () => [],
};

const bump = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);

export class Agent {
  private readonly options: AgentOptions;
  private readonly clock: Clock;
  private readonly boot: string;
  private readonly folder: string;
  private readonly stopping = new AbortController();
  private readonly pipeline: Pipeline;
  private readonly queue: FrameQueue;
  private readonly alertLog: AlertLog;
  private readonly checkpoint: Checkpoint;
  private readonly detections = new Map<string, number>();
  private readonly alerts = new Map<string, number>();
  /** Started, in order; stopped in reverse. */
  private readonly stops: (() => Promise<void> | void)[] = [];
  private readonly early: Buffer[] = [];
  private recorder: RecordingWriter | null = null;
  private containments: Containments | null = null;
  private containmentRefusal: string | null = null;
  private leases: Leases;
  private verifier: Verifier | null = null;
  private spool: Spool | null = null;
  private uplink: Uplink | null = null;
  private membership: Membership | null = null;
  private probe: Probe | null = null;
  private source: LiveSource | null = null;
  private pods: PodsReader | null = null;
  private replayed: Promise<void> | null = null;
  private frameErrors = 0;
  private tickedAt = performance.now();
  private startedAt = performance.now();
  private ready = false;
  private stopped: Promise<void> | null = null;

  /** Makes the parts; opens nothing but the state folder. */
  constructor(options: AgentOptions) {
    this.options = options;
    const { settings, node, replay: replaying } = options;
    this.clock = options.clock ?? systemClock();
    this.boot = replaying?.recording.start.boot ?? options.bootId ?? readBootId();
    this.folder = join(settings['state-folder'], 'agent');
    this.alertLog = new AlertLog({
      path: settings['alert-log'] || join(this.folder, 'alerts.ndjson'),
      maxBytes: settings['alert-log-bytes'],
      keep: KEPT_ALERT_LOGS,
      ...(settings['alert-log-stdout'] ? { copy: options.out } : {}),
    });
    const begin = replaying?.recording.start ?? { bootNs: this.clock.bootNs(), wallMs: this.clock.wallMs() };
    this.pipeline = new Pipeline({
      cluster: settings.cluster,
      node,
      boot: this.boot,
      bootNs: begin.bootNs,
      wallMs: replaying === null ? begin.wallMs : this.clock.wallMs(),
      settings: {
        learnWindows: settings['learn-windows'],
        matureWindows: settings['mature-windows'],
        minScore: settings['min-score'],
        groupForMs: settings['group-for'],
      },
      architecture: process.arch === 'arm64' ? 'arm64' : 'x64',
      podsExpected: settings.pods !== '' || replaying !== null,
      sink: {
        detection: (detection) => this.detected(detection),
        alert: (alert) => this.alerted(alert),
        window: (window) => this.windowed(window),
        newContainer: (container) => this.leases.appeared(container),
        goneContainer: (container) => this.gone(container),
        lookupCgroup: (cgroup) => this.source?.lookup(cgroup),
      },
    });
    this.checkpoint = new Checkpoint(
      join(this.folder, replaying === null ? 'baselines' : 'baselines-of-recording'),
    );
    this.queue = new FrameQueue((frame) => this.frame(frame));
    this.leases = this.makeLeases(NOTHING_CONTAINED, '', '/');
  }

  /** Resolves once everything counts. Runs once. @throws when the kernel refuses the probes, or a port is taken. */
  async start(): Promise<Ready> {
    this.startedAt = performance.now();
    this.stops.push(() => this.alertLog.close());
    await this.serveLocal();
    this.openSpool();
    this.openRecorder();
    this.restoreBaselines();
    if (this.options.replay === null) await this.startLive();
    else this.startReplay(this.options.replay);
    this.startUplink();
    this.repeat(CHECKPOINT_MS, async () => void (await this.checkpoint.write(this.pipeline.registry)));
    this.repeat(this.options.settings.window, () => void this.alertLog.flush());
    const { port } = await this.servePublic();
    this.ready = true;
    const { attached, all } = this.hooks();
    const alertLog = this.options.settings['alert-log'] || join(this.folder, 'alerts.ndjson');
    const containers = this.pipeline.containers().length - 1;
    return { node: this.options.node, hooksAttached: attached, hooks: all, containers, alertLog, port };
  }

  /** Stops everything; containment stays. Idempotent. */
  stop(): Promise<void> {
    this.stopped ??= this.stopAll();
    return this.stopped;
  }

  /** Resolves when a replay has given its last frame; never for a live agent. */
  async replayEnded(): Promise<void> {
    await (this.replayed ?? new Promise<never>(() => undefined));
  }

  private async stopAll(): Promise<void> {
    this.ready = false;
    this.stopping.abort();
    for (const stop of this.stops.reverse()) {
      try {
        await stop();
      } catch (error) {
        this.options.log.error({ err: error }, 'a part did not stop cleanly');
      }
    }
  }

  private onError = (error: unknown): void => {
    this.options.log.error({ err: error }, 'a part failed; the rest goes on');
  };

  private note = (message: string, facts: Record<string, unknown>): void =>
    this.options.log.info(facts, message);

  /** Periodic work that ends with the agent. */
  private repeat(intervalMs: number, work: () => Promise<void> | void): void {
    const running = loop({ intervalMs, signal: this.stopping.signal, onError: this.onError }, work);
    this.stops.push(() => running);
  }

  // ---- what goes in ----

  private frame(frame: Frame): void {
    try {
      this.recorder?.write(frame);
      this.pipeline.frame(frame);
      if (frame.kind === 'tick') this.tickedAt = performance.now();
      else if (frame.kind === 'pods') this.leases.sweep();
      else if (this.pods !== null && this.pipeline.waiting().length > 0) this.pods.refresh();
    } catch (error) {
      // One frame that we fail on must not blind the node; it is counted and told.
      this.frameErrors += 1;
      this.onError(error);
    }
  }

  private restoreBaselines(): void {
    const { loaded, broken } = this.checkpoint.restore(this.pipeline.registry);
    this.note('baselines restored', { loaded, broken });
    this.stops.push(async () => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, STOP_CHECKPOINT_MS).unref());
      await Promise.race([this.checkpoint.write(this.pipeline.registry), late]);
    });
  }

  private startOf(): Omit<Start, 'recordsVersion' | 'redacted'> {
    const { settings, node } = this.options;
    const kept = ['window', 'learn-windows', 'mature-windows', 'min-score', 'group-for'] as const;
    return {
      cluster: settings.cluster,
      node,
      boot: this.boot,
      bootNs: this.clock.bootNs(),
      wallMs: this.clock.wallMs(),
      settings: Object.fromEntries(kept.map((name) => [name, String(settings[name])])),
    };
  }

  private openRecorder(): void {
    const { record } = this.options;
    if (record === null) return;
    const recorder = new RecordingWriter({ ...record, start: this.startOf(), maxBytes: RECORDING_BYTES });
    this.recorder = recorder;
    this.stops.push(() => recorder.close());
  }

  private async startLive(): Promise<void> {
    const { settings, addon } = this.options;
    const native = addon();
    const cgroupRoot = settings['cgroup-root'] || findCgroupRoot();
    await this.openContainments(native, cgroupRoot);
    await this.openProbe(native, cgroupRoot);
    const { probe } = this;
    if (probe === null) return;
    this.stops.push(() => this.queue.flush());
    this.stops.push(() => probe.close());
    const parts = { clock: this.clock, cgroupRoot, windowMs: settings.window, onError: this.onError };
    const source = new LiveSource({ ...parts, probe, emit: (frame) => this.queue.push(frame) });
    this.source = source;
    for (const records of this.early.splice(0)) source.records(records);
    await this.startPods();
    await source.start();
    this.queue.flush();
    this.stops.push(() => source.stop());
  }

  private async openProbe(native: NativeAddon, cgroupRoot: string): Promise<void> {
    const { settings } = this.options;
    const names = (list: readonly string[], where: 'file' | 'folder') =>
      list.map((name) => ({ name, where }));
    this.probe = await native.openProbe(
      {
        pinFolder: settings['pin-folder'],
        cgroupRoot,
        selfPid: process.pid,
        urgentBytes: settings['urgent-bytes'],
        bulkBytes: settings['bulk-bytes'],
        bulkMs: settings['bulk-interval'],
        slots: settings.slots,
        flows: settings.flows,
        watchedNames: [
          ...names(settings['watched-files'], 'file'),
          ...names(settings['watched-folders'], 'folder'),
        ],
        queueBatches: settings['queue-batches'],
      },
      (records) => {
        if (this.source === null) this.early.push(records);
        else this.source.records(records);
      },
    );
  }

  private async startPods(): Promise<void> {
    const { pods: from, 'pods-interval': intervalMs } = this.options.settings;
    if (from === '') return;
    const emit = (list: string): void => this.queue.push({ kind: 'pods', list });
    const onError = (error: unknown): void =>
      this.options.log.warn({ err: error }, 'the pod list could not be read');
    const pods = new PodsReader({ from, intervalMs, emit, onError });
    this.pods = pods;
    await pods.start();
    this.stops.push(() => pods.stop());
  }

  private startReplay({ recording, speed }: { recording: Recording; speed: number }): void {
    // Told as if it happened now: a wall clock of long ago would order it before everything else.
    const shift = Math.round(this.clock.wallMs() - recording.start.wallMs);
    const now = (frame: Frame): Frame =>
      frame.kind === 'tick'
        ? { kind: 'tick', tick: { ...frame.tick, wallMs: frame.tick.wallMs + shift } }
        : frame;
    const { signal } = this.stopping;
    this.replayed = replay({
      frames: recording.frames(),
      speed,
      signal,
      emit: (frame) => this.queue.push(now(frame)),
    })
      .then(() => this.queue.flush())
      .then(() => this.note('the recording has ended', { problem: recording.problem() }))
      .catch(this.onError);
    this.stops.push(() => this.replayed ?? undefined);
  }

  // ---- containment ----

  private makeLeases(
    containments: Pick<Containments, 'contain' | 'release' | 'list'>,
    cgroupRoot: string,
    ownPath: string,
  ): Leases {
    return new Leases({
      path: join(this.folder, 'leases.json'),
      boot: this.boot,
      clock: this.clock,
      containments,
      verifier: () => this.verifier,
      cgroupRoot,
      ownCgroup: ownPath,
      enabled: this.options.settings.containment && containments !== NOTHING_CONTAINED,
      live: () => this.pipeline.containers().filter(({ kind }) => kind !== 'host'),
      report: (report) => {
        this.spool?.append(orderReportEntry(report));
        this.uplink?.wake();
      },
      log: this.note,
      onError: this.onError,
    });
  }

  /** Without it the agent still watches; orders are then refused, and the reason stands in the log and in the status. */
  private async openContainments(native: NativeAddon, cgroupRoot: string): Promise<void> {
    const { settings, log } = this.options;
    if (!settings.containment) return;
    try {
      this.containments = native.openContainments({ pinFolder: settings['pin-folder'], cgroupRoot });
    } catch (error) {
      this.containmentRefusal = (error as Error).message;
      log.error({ err: error }, 'containment is not available');
      return;
    }
    const { containments } = this;
    this.stops.push(() => containments.close());
    const tellAddresses = (): void => containments.setNodeAddresses(nodeAddresses());
    tellAddresses();
    this.repeat(ADDRESSES_MS, tellAddresses);
    this.leases = this.makeLeases(containments, cgroupRoot, ownCgroup());
    await this.leases.restore();
    this.stops.push(() => this.leases.stop());
  }

  // ---- what comes out ----

  private get where(): { node: string; cluster: string } {
    return { node: this.options.node, cluster: this.options.settings.cluster };
  }

  /** In the spool first: an alert exists once it is there, and what the log shows, central gets. */
  private detected(detection: Detection): void {
    bump(this.detections, detection.severity);
    this.spool?.append(detectionEntry(detectionMessage(detection)));
    this.alertLog.write(detectionLine(detection, this.where));
    if (rankOf(detection.severity) >= URGENT) this.uplink?.wake();
  }

  private alerted(alert: Alert): void {
    if (alert.revision === 1) bump(this.alerts, alert.severity);
    this.spool?.append(alertEntry(alertMessage(alert)));
    this.alertLog.write(alertLine(alert, this.where));
  }

  private windowed(window: ContainerWindow): void {
    this.spool?.append(windowEntry(windowMessage(window)));
  }

  private gone(container: Container): void {
    this.leases.gone(container);
    this.spool?.append(containerEntry(containerMessage(container)));
  }

  // ---- uplink ----

  private openSpool(): void {
    const { settings } = this.options;
    if (settings['central-url'] === '') return;
    const spool = new Spool({
      folder: join(this.folder, 'spool'),
      boot: this.boot,
      clock: this.clock,
      maxBytes: settings['spool-bytes'],
      onError: this.onError,
    });
    this.spool = spool;
    this.stops.push(() => spool.close());
  }

  private startUplink(): void {
    const { settings, node, log } = this.options;
    const { spool } = this;
    if (spool === null) return;
    const membership = new Membership({
      url: settings['central-url'],
      cluster: settings.cluster,
      node,
      folder: this.folder,
      caFile: settings['ca-file'] || join(this.folder, CA),
      joinTokenFile: settings['join-token-file'],
      wallMs: () => this.clock.wallMs(),
      onEnrolled: (enrolled) => this.join(enrolled, spool),
      log: (message, facts) => log.warn(facts, message),
      onError: this.onError,
    });
    this.membership = membership;
    membership.start();
    this.stops.push(async () => {
      await membership.stop();
      await this.uplink?.stop();
    });
  }

  private async join(enrolled: Enrolled, spool: Spool): Promise<void> {
    const { settings, log } = this.options;
    this.verifier = createVerifier({ ...this.where, keys: enrolled.orderKeys });
    if (this.uplink !== null) return this.uplink.renew(enrolled);
    this.uplink = new Uplink({
      url: settings['central-url'],
      credentials: enrolled,
      spool,
      summarize: (segment) => this.summarize(segment, spool),
      onOrder: (order) => this.leases.receive(order).catch(this.onError),
      intervalMs: settings['uplink-interval'],
      log: (message, facts) => log.warn(facts, message),
    });
    this.uplink.start();
  }

  private summarize(segment: Segment, spool: Spool): Buffer {
    return summaryOf(segment, {
      ...this.where,
      boot: this.boot,
      bootNs: this.clock.bootNs(),
      wallMs: this.clock.wallMs(),
      containers: this.pipeline.containers().map(containerMessage),
      health: {
        version: this.options.version,
        uptimeMs: Math.round(performance.now() - this.startedAt),
        lost: this.lost(),
        spooledBytes: spool.bytes,
        spoolDropped: spool.dropped,
        rssBytes: process.memoryUsage.rss(),
        hooksMissing: this.hookList()
          .filter(({ state }) => state !== 'attached')
          .map(({ name }) => name),
      },
    });
  }

  // ---- what it tells of itself ----

  private hookList() {
    return [...(this.probe?.hooks ?? []), ...(this.containments?.hooks ?? [])];
  }

  private hooks(): { attached: number; all: number } {
    const hooks = this.hookList();
    return { attached: hooks.filter(({ state }) => state === 'attached').length, all: hooks.length };
  }

  private counters() {
    // After close() the probe has none; what it had is gone with the agent.
    return this.stopping.signal.aborted ? null : (this.probe?.counters() ?? null);
  }

  /** Everything that was lost since the agent started, by reason. */
  private lost(): Record<string, number> {
    const counters = this.counters();
    const { suppressed, malformed } = this.pipeline.counts();
    const lost: Record<string, number> = { ...(counters === null ? {} : lossesOf(counters)), suppressed };
    for (const [problem, count] of Object.entries(malformed)) lost[`malformed-${problem}`] = count;
    for (const [reason, count] of Object.entries(this.spool?.lost ?? {})) lost[`spool-${reason}`] = count;
    lost['alert-log'] = this.alertLog.counts.dropped;
    lost['frame-queue-batches'] = this.queue.lostBatches;
    return lost;
  }

  private numbers(): Numbers {
    const counters = this.counters();
    const counts = this.pipeline.counts();
    const { attached, all } = this.hooks();
    const none = { sent: 0, duplicates: 0, streamsOpened: 0, refused: new Map(), failures: new Map() };
    return {
      ready: this.ready,
      records: Number(counters?.records ?? 0n),
      events: counts.events,
      containers: this.pipeline.containers().length - 1,
      workloads: counts.baselines,
      detections: this.detections,
      alerts: this.alerts,
      alertLog: this.alertLog.counts,
      lost: this.lost(),
      frameErrors: this.frameErrors,
      queuedFrames: this.queue.waiting,
      spool: this.spool ?? { bytes: 0, waiting: 0, dropped: 0 },
      uplink: this.uplink?.counts ?? none,
      enrolmentFailures: this.membership?.failures ?? new Map(),
      orders: this.leases.counts,
      leases: this.leases.active().length,
      pods: this.pods?.counts ?? { reads: 0, errors: 0 },
      mapBytes: counters?.mapBytes ?? 0,
      hooks: all,
      hooksAttached: attached,
    };
  }

  private status(): Record<string, unknown> {
    const { settings, version } = this.options;
    const { pid } = process;
    const { podsProblem } = this.pipeline.counts();
    return {
      ...this.where,
      version,
      pid,
      boot: this.boot,
      ready: this.ready,
      uptimeMs: Math.round(performance.now() - this.startedAt),
      source: this.options.replay === null ? 'kernel' : 'recording',
      hooks: this.hookList(),
      alertLog: settings['alert-log'] || join(this.folder, 'alerts.ndjson'),
      alertLogProblem: this.alertLog.lastError,
      podsProblem,
      recordingProblem: this.recorder?.stopped ?? null,
      containment: {
        enabled: this.containments !== null,
        adopted: this.containments?.adopted ?? false,
        refusal: this.containmentRefusal,
      },
      central: {
        url: settings['central-url'],
        enrolled: this.verifier !== null,
        acceptedAtMs: this.uplink?.counts.acceptedAtMs ?? 0,
      },
      numbers: this.numbers(),
    };
  }

  private containerLines(): Record<string, unknown>[] {
    return this.pipeline.containers().map(({ identity, ...container }) => ({ ...identity, ...container }));
  }

  private async serveLocal(): Promise<void> {
    const routes: Routes = {
      '/status': () => json(plain(this.status())),
      '/workloads': () => json({ workloads: this.pipeline.workloads() }),
      '/containers': () => json({ containers: this.containerLines() }),
      '/containments': () => json({ leases: this.leases.active(), kernel: this.containments?.list() ?? [] }),
    };
    this.serving(await listenLocal(join(this.folder, 'agent.sock'), routes, this.onError));
  }

  private async servePublic(): Promise<Listening> {
    const { metrics, stop } = agentMetrics(() => this.numbers());
    this.stops.push(stop);
    const { registry } = metrics;
    const routes: Routes = {
      '/metrics': async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() }),
      '/healthz': () => this.health(),
      '/readyz': () => json({ ready: this.ready }, this.ready ? 200 : 503),
    };
    return this.serving(await listenPublic(this.options.settings['agent-listen'], routes, this.onError));
  }

  private serving(listening: Listening): Listening {
    this.stops.push(() => listening.close());
    return listening;
  }

  /** Alive means that windows still end. */
  private health() {
    const sinceMs = Math.round(performance.now() - this.tickedAt);
    const stuck =
      this.options.replay === null && sinceMs > STUCK_WINDOWS * this.options.settings.window + STUCK_MS;
    return json({ alive: !stuck, lastWindowMs: sinceMs }, stuck ? 503 : 200);
  }
}

/** Maps as objects: JSON has none. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    return 'bytes' in value && 'waiting' in value ? { bytes: value.bytes, waiting: value.waiting } : value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, found]) => [key, plain(found)]));
}
