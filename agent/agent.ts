/** Builds the agent's parts, passes values from stage to stage, starts and stops them. */
import { join } from 'node:path';
import type { Log } from '../kit/log.ts';
import { canaryPath } from '../native/index.ts';
import { canaryLine } from './alerts/canary.ts';
import { Canaries } from './canary.ts';
import { Containment } from './containment.ts';
import { type AgentOptions, type Context, contextOf } from './context.ts';
import { Guidance } from './guidance.ts';
import { Intake } from './intake.ts';
import { Machine } from './machine.ts';
import { agentMetrics } from './metrics/metrics.ts';
import { Checkpoint } from './models/checkpoint.ts';
import { budgetNs } from './models/evidence/budget.ts';
import { Opening } from './opening.ts';
import { Outlet } from './outlet.ts';
import { PeopleVerdicts } from './people-verdicts.ts';
import { Pipeline } from './pipeline.ts';
import { Report } from './report.ts';
import { serveLocal, servePublic } from './routes.ts';
import { RuleBook } from './rules/book.ts';
import { SentProfileBook } from './sent-profiles.ts';
import { FrameQueue } from './source/queue.ts';
import { Training } from './training.ts';
import { canaryEntry, orderReportEntry } from './uplink/summarize.ts';
import { Upward } from './upward.ts';

export type { AgentOptions } from './context.ts';

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
/** Checkpoints in one of which a baseline is written that saw nothing new: who kills the agent takes as many minutes of its count. */
const CHECKPOINTS_AS_EVER = 5;
const STOP_CHECKPOINT_MS = 1500;
/** How soon a changed rule file is in force; looking at a few files costs 50 µs. */
const RULES_MS = 2000;

export class Agent {
  private readonly context: Context;
  private readonly pipeline: Pipeline;
  private readonly queue: FrameQueue;
  private readonly intake: Intake;
  private readonly machine: Machine;
  private readonly containment: Containment;
  private readonly outlet: Outlet;
  private readonly upward: Upward;
  private readonly report: Report;
  private readonly training: Training;
  private readonly rules: RuleBook;
  private readonly guidance: Guidance;
  private readonly profiles: SentProfileBook;
  private readonly peopleVerdicts = new PeopleVerdicts();
  private readonly canaries: Canaries;

  /** Makes the parts; opens nothing but the state folder. */
  constructor(options: AgentOptions) {
    const context = contextOf(options);
    this.context = context;
    this.upward = new Upward(context, {
      onOrder: (order) => this.containment.leases.receive(order),
      onReply: (reply) => this.guidance.receive(reply),
      standing: () => this.guidance.standing(),
      containers: () => this.pipeline.containers(),
      lifeOf: (container) => this.pipeline.lifeOf(container),
      lost: () => this.report.lost(),
      hooksMissing: () => this.report.hooksMissing(),
    });
    this.outlet = new Outlet(context, this.upward);
    this.rules = new RuleBook(context.settings['rules-folder']);
    this.pipeline = this.makePipeline();
    this.intake = new Intake(context, {
      pipeline: this.pipeline,
      handled: (frame) => {
        if (frame.kind === 'pods') this.containment.leases.sweep();
        else if (frame.kind === 'baseline') this.profiles.handled(frame.text);
        else if (frame.kind === 'tick') setImmediate(() => this.proveSight());
        else if (this.pipeline.waiting().length > 0) this.machine.pods?.refresh();
      },
    });
    this.queue = new FrameQueue((frame) => this.intake.frame(frame));
    this.profiles = new SentProfileBook({
      changed: (workload, change) => this.pipeline.registry.changed(workload, change),
      baseline: (text) => this.queue.push({ kind: 'baseline', text }),
      summary: (workload) => this.pipeline.overview.profileOf(workload),
    });
    this.guidance = new Guidance(context, {
      rules: this.rules,
      push: (frame) => this.queue.push(frame),
      peers: this.pipeline.peers,
      profiles: this.profiles,
      verdicts: this.peopleVerdicts,
    });
    this.canaries = this.makeCanaries();
    this.training = new Training(context, this.queue);
    this.machine = new Machine(context, this.queue, () =>
      this.pipeline.containers().filter(({ kind }) => kind !== 'host'),
    );
    this.containment = new Containment(context, {
      verifier: () => this.upward.verifier,
      live: () => this.pipeline.containers().filter(({ kind }) => kind !== 'host'),
      report: (report) => {
        this.upward.append(() => orderReportEntry(report));
        this.upward.wake();
      },
    });
    this.report = new Report(context, this.parts());
  }

  get log(): Log {
    return this.context.log;
  }

  /** Resolves once everything counts. Runs once. @throws when the kernel refuses the probes, or a port is taken. */
  async start(): Promise<Ready> {
    const { lifetime, replay, node, alertLogPath, opening } = this.context;
    lifetime.atEnd(() => opening?.close());
    lifetime.atEnd(() => this.outlet.alertLog.close());
    await serveLocal(this.context, {
      ...this.parts(),
      report: this.report,
      baseline: (text) => this.queue.push({ kind: 'baseline', text }),
      verdicts: this.peopleVerdicts,
    });
    this.upward.open();
    if (replay === null) this.keepBaselines();
    await this.intake.openRecorder(this.pipeline.registry.documents());
    await this.keepRules();
    // While the kernel goes through the programs: afterwards everything waits for this.
    const metrics = agentMetrics(() => this.report.numbers());
    lifetime.atEnd(metrics.stop);
    const { port } = await servePublic(this.context, this.report, metrics.scrape);
    // After the last frames of the machine, and before what is known is kept.
    lifetime.atEnd(() => this.pipeline.end());
    if (replay === null) await this.startMachine();
    else this.intake.replay(replay, this.queue);
    this.upward.start();
    this.outlet.start();
    this.report.ready = true;
    const hooks = this.report.hooks().length;
    const hooksAttached = hooks - this.report.hooksMissing().length;
    const containers = this.pipeline.containers().length - 1;
    return { node, hooksAttached, hooks, containers, alertLog: alertLogPath, port };
  }

  /** Stops everything; containment stays. Idempotent. */
  stop(): Promise<void> {
    this.report.ready = false;
    return this.context.lifetime.end();
  }

  /** Resolves when a replay has given its last frame; never for a live agent. */
  async replayEnded(): Promise<void> {
    await (this.intake.replayed ?? new Promise<never>(() => undefined));
  }

  private parts() {
    const { pipeline, queue, intake, machine, containment, outlet, upward, training, rules, guidance } = this;
    const { canaries } = this;
    return {
      pipeline,
      queue,
      intake,
      machine,
      containment,
      outlet,
      upward,
      training,
      rules,
      guidance,
      canaries,
    };
  }

  /** Not within the frame: what is awaited is a frame of its own. */
  private proveSight(): void {
    if (!this.context.lifetime.signal.aborted) this.canaries.tick();
  }

  /** A recording has those of the machine that it was made on. */
  private makeCanaries(): Canaries {
    const { settings, clock, replay, addon } = this.context;
    return new Canaries({
      intervalMs: replay === null ? settings['canary-interval'] : 0,
      clock,
      parent: () => addon().ownNumber().number,
      run: (nonce) => addon().runCanary({ path: canaryPath(), nonce }),
      push: (frame) => this.queue.push(frame),
      write: (canary, wallMs) =>
        void this.outlet.alertLog.write(canaryLine(canary, { wallMs, ...this.context.where })),
      tell: (canary) => {
        this.upward.append(() => canaryEntry(canary));
        this.upward.wake();
      },
      random: Math.random,
    });
  }

  private makePipeline(): Pipeline {
    const { settings, node, boot, clock, replay, kubernetes, opening } = this.context;
    const now = opening?.at ?? { bootNs: clock.bootNs(), wallMs: clock.wallMs() };
    return new Pipeline({
      cluster: settings.cluster,
      node,
      boot,
      bootNs: replay?.recording.start.bootNs ?? now.bootNs,
      wallMs: now.wallMs,
      settings: {
        learnWindows: settings['learn-windows'],
        matureWindows: settings['mature-windows'],
        minScore: settings['min-score'],
        groupForMs: settings['group-for'],
        budgetNs: budgetNs(settings['false-alarms']),
        shadow: new Set(settings.shadow),
      },
      architecture: process.arch === 'arm64' ? 'arm64' : 'x64',
      podsExpected: settings.pods !== '' || kubernetes !== null || replay !== null,
      rules: this.rules,
      means: (compared) => this.upward.privacy.means(compared),
      sink: {
        detection: (detection) => this.outlet.detection(detection),
        alert: (alert) => this.outlet.alert(alert),
        window: (window) => this.outlet.window(window),
        session: (session, wallMs) => this.outlet.session(session, wallMs),
        newContainer: (container) => {
          this.containment.leases.appeared(container);
          this.upward.press();
        },
        goneContainer: (container) => {
          this.containment.leases.gone(container);
          this.outlet.gone(container, this.pipeline.lifeOf(container));
        },
        canary: (canary, wallMs) => this.canaries.seen(canary, wallMs),
        profile: (profile) => this.machine.profile(profile),
        train: (request) => this.training.train(request),
        lookupCgroup: (cgroup) => this.machine.lookup(cgroup),
      },
    });
  }

  /** Reads what central sent before, and the user's rules now and when they change. */
  private async keepRules(): Promise<void> {
    const { lifetime, replay, settings } = this.context;
    if (replay === null && settings['central-url'] !== '') {
      this.guidance.open();
      lifetime.repeat(CHECKPOINT_MS, async () => {
        this.guidance.keepPeers();
        this.profiles.apply();
      });
      lifetime.atEnd(() => this.guidance.keepPeers());
    }
    await this.guidance.refresh();
    if (settings['rules-folder'] !== '') lifetime.repeat(RULES_MS, () => this.guidance.refresh());
  }

  /** Of a machine, not of a recording: that is judged from nothing, each time alike. */
  private keepBaselines(): void {
    const { folder, lifetime, log } = this.context;
    const checkpoint = new Checkpoint(join(folder, 'baselines'));
    const { registry } = this.pipeline;
    const { loaded, broken, edited } = checkpoint.restore(registry);
    log.info({ loaded, broken }, 'baselines restored');
    if (edited.length > 0) log.warn({ edited }, 'baselines are not as the agent wrote them');
    lifetime.atEnd(async () => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, STOP_CHECKPOINT_MS).unref());
      await Promise.race([checkpoint.write(registry), late]);
    });
    lifetime.repeat(CHECKPOINT_MS, async () => void (await checkpoint.write(registry, CHECKPOINTS_AS_EVER)));
  }

  private async startMachine(): Promise<void> {
    const { addon, settings } = this.context;
    const opening = this.context.opening ?? new Opening(addon(), settings);
    await this.containment.open(opening.addon, opening.cgroups);
    await this.machine.start(opening);
  }
}
