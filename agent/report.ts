/** What the agent tells of itself: losses, numbers, status and health, each read from its parts when it is asked. */
import type { Hook } from '../native/index.ts';
import type { Canaries } from './canary.ts';
import type { Containment } from './containment.ts';
import type { Context } from './context.ts';
import type { Guidance } from './guidance.ts';
import type { Intake } from './intake.ts';
import type { Machine } from './machine.ts';
import type { Numbers } from './metrics/numbers.ts';
import type { Outlet } from './outlet.ts';
import type { Pipeline } from './pipeline.ts';
import type { RuleBook } from './rules/book.ts';
import { lossesOf } from './source/counts.ts';
import type { FrameQueue } from './source/queue.ts';
import type { Training } from './training.ts';
import type { Upward } from './upward.ts';

export interface ReportParts {
  readonly pipeline: Pipeline;
  readonly queue: FrameQueue;
  readonly intake: Intake;
  readonly machine: Machine;
  readonly containment: Containment;
  readonly outlet: Outlet;
  readonly upward: Upward;
  readonly training: Training;
  readonly rules: RuleBook;
  readonly guidance: Guidance;
  readonly canaries: Canaries;
}

/** Windows that may be missed before the agent counts as stuck. */
const STUCK_WINDOWS = 3;
const STUCK_MS = 10_000;

export class Report {
  /** Everything counts. */
  ready = false;
  private readonly context: Context;
  private readonly parts: ReportParts;

  constructor(context: Context, parts: ReportParts) {
    this.context = context;
    this.parts = parts;
  }

  hooks(): Hook[] {
    const { machine, containment } = this.parts;
    return [...machine.hooks, ...(containment.kernel?.hooks ?? [])];
  }

  hooksMissing(): string[] {
    return this.hooks()
      .filter(({ state }) => state !== 'attached')
      .map(({ name }) => name);
  }

  /** Everything that was lost since the agent started, by reason. */
  lost(counters = this.parts.machine.counters()): Record<string, number> {
    const { pipeline, queue, outlet, upward } = this.parts;
    const { suppressed, malformed, lostOfSlots } = pipeline.counts();
    const lost: Record<string, number> = {
      ...(counters === null ? {} : lossesOf(counters, queue.lostRecords)),
      suppressed,
    };
    for (const [name, count] of Object.entries(lostOfSlots))
      if (name.startsWith('throttled/')) lost[name] = count;
    for (const [problem, count] of Object.entries(malformed)) lost[`malformed-${problem}`] = count;
    for (const [reason, count] of Object.entries(upward.spool?.lost ?? {})) lost[`spool-${reason}`] = count;
    if (upward.sketches !== null) lost['sketch-workloads'] = upward.sketches.refused;
    lost['alert-log'] = outlet.alertLog.counts.dropped;
    return lost;
  }

  numbers(): Numbers {
    const { pipeline, queue, intake, machine, containment, outlet, upward, training, rules, guidance } =
      this.parts;
    const { intervalMs, results, detectMs, provedMs, ageMs } = this.parts.canaries;
    const counters = machine.counters();
    const mapGroups = machine.maps();
    const counts = pipeline.counts();
    const hooks = this.hooks();
    const none = { sent: 0, duplicates: 0, streamsOpened: 0, refused: new Map(), failures: new Map() };
    return {
      ready: this.ready,
      records: Number(counters?.records ?? 0n),
      events: counts.events,
      containers: pipeline.containers().length - 1,
      names: counts.names,
      lives: { starts: counts.starts, restarts: counts.restarts, oomKills: counts.oomKills },
      workloads: counts.baselines,
      profiles: pipeline.overview.profiles(),
      promise: pipeline.overview.promise(),
      canary: { intervalMs, results, detectMs, provedMs, ageMs },
      roles: pipeline.roles(),
      training: training.counts,
      costs: pipeline.costs,
      care: pipeline.overview.care(),
      modelBytes: pipeline.registry.memory(),
      detections: outlet.detections,
      alerts: outlet.alerts,
      byDetector: outlet.byDetector,
      traffic: { ...outlet.traffic },
      alertLog: outlet.alertLog.counts,
      lost: this.lost(counters),
      frameErrors: intake.errors,
      queuedFrames: queue.waiting,
      spool: upward.spool ?? { bytes: 0, waiting: 0, dropped: 0 },
      uplink: upward.uplink?.counts ?? none,
      enrolmentFailures: upward.membership?.failures ?? new Map(),
      orders: containment.leases.counts,
      leases: containment.leases.active().length,
      containmentRefused: containment.refusal?.code ?? null,
      rules: {
        size: rules.size,
        refused: rules.problems.length > 0,
        reloads: rules.counts,
        costs: rules.costs(),
      },
      guidance: guidance.counts,
      peers: { size: pipeline.peers.size, stale: pipeline.peers.stale },
      processes: {
        known: { lineage: counts.processes, role: counts.actors },
        forgotten: counts.processesForgotten,
      },
      excepted: counts.excepted,
      unlooked: counts.unlooked,
      pods: { ...(machine.pods?.counts ?? { reads: 0, errors: 0 }), health: machine.pods?.health() ?? null },
      unplaced: machine.unplaced,
      resources: machine.resourceCounts,
      slots: counters?.slots ?? 0,
      mapBytes: Object.values(mapGroups).reduce((sum, bytes) => sum + bytes, 0),
      mapGroups,
      hooks: hooks.length,
      hooksAttached: hooks.filter(({ state }) => state === 'attached').length,
    };
  }

  status(): Record<string, unknown> {
    const { where, version, boot, settings, startedAt, replay, alertLogPath } = this.context;
    const { pipeline, intake, machine, containment, outlet, upward, rules, guidance } = this.parts;
    const pods = machine.pods?.health() ?? null;
    return {
      ...where,
      version,
      pid: process.pid,
      boot,
      ready: this.ready,
      uptimeMs: Math.round(performance.now() - startedAt),
      source: replay === null ? 'kernel' : 'recording',
      hooks: this.hooks(),
      alertLog: alertLogPath,
      alertLogProblem: outlet.alertLog.lastError,
      ownNumberProblem: machine.ownNumberProblem,
      podsProblem: pipeline.counts().podsProblem ?? pods?.problem ?? null,
      pods: pods === null ? null : { source: pods.source, inStep: pods.inStep, heardMs: pods.heardMs },
      recordingProblem: intake.recordingProblem,
      rules: { folder: settings['rules-folder'], inForce: rules.size, problems: rules.problems },
      sent: { ...guidance.standing(), excepted: pipeline.counts().exceptedBy },
      containment: {
        enabled: containment.kernel !== null,
        adopted: containment.kernel?.adopted ?? false,
        refusal: containment.refusal?.message ?? null,
      },
      central: {
        url: settings['central-url'],
        enrolled: upward.verifier !== null,
        acceptedAtMs: upward.uplink?.counts.acceptedAtMs ?? 0,
      },
      numbers: this.numbers(),
    };
  }

  /** Alive means that windows still end; a recording ends when it ends. */
  health(): { readonly alive: boolean; readonly lastWindowMs: number } {
    const { replay, settings } = this.context;
    const lastWindowMs = Math.round(performance.now() - this.parts.intake.tickedAt);
    const limitMs = STUCK_WINDOWS * settings.window + STUCK_MS;
    return { alive: replay !== null || lastWindowMs <= limitMs, lastWindowMs };
  }
}
