/**
 * From what the probes gave to detections, alerts and windows: a deterministic function of frames. It reads no clock,
 * no file and no network and uses no randomness, so that live run, replay and tests are the same.
 */
import { CanaryJudge } from './alerts/canary.ts';
import { readExceptions } from './alerts/exceptions.ts';
import type { Rules } from './alerts/hit.ts';
import type { Verdict } from './alerts/judge.ts';
import { judgePodState } from './alerts/pod-state.ts';
import { Situations } from './case.ts';
import { Costs } from './costs.ts';
import { decodeRecords } from './events/decode.ts';
import type { Event, ExecEvent } from './events/event.ts';
import type { CgroupFound, Frame, Tick } from './events/frame.ts';
import { LAYOUT } from './events/layout.ts';
import type { ResourceReading, Resources } from './events/resources.ts';
import { FACT_KINDS } from './features/fact.ts';
import { factOf } from './features/facts.ts';
import { ROW_FEATURES } from './features/shape-row.ts';
import type { Architecture } from './features/syscalls.ts';
import { Attribution } from './identity/attribute.ts';
import { ClusterPeers } from './identity/cluster-peers.ts';
import type { Container } from './identity/container.ts';
import { Containers } from './identity/containers.ts';
import { type Life, Lives } from './identity/lives.ts';
import { PodStates } from './identity/pod-states.ts';
import { readPodList } from './identity/pods.ts';
import { Processes } from './identity/processes.ts';
import type { Baseline } from './models/baseline.ts';
import { type CareNumbers, cardsOf, careNumbers, type WorkloadCards } from './models/care/cards.ts';
import { Registry } from './models/registry.ts';
import { replyOf } from './models/shape/training.ts';
import { Newcomers } from './newcomers.ts';
import { PodFares } from './pod-fares.ts';
import type { Sink } from './sink.ts';
import { type Role, type RoleKind, Roles } from './situation/roles.ts';
import { SessionStarts } from './situation/session-start.ts';
import {
  type PipelineCounts,
  type ProfileCounts,
  type ProfileSummary,
  type PromiseStatus,
  statusOf,
  type WorkloadStatus,
} from './status.ts';
import { Telling } from './telling.ts';
import { Unseen } from './unseen.ts';
import { Verdicts } from './verdicts.ts';
import { Windows } from './windows.ts';

export type { ContainerWindow, Sink } from './sink.ts';
export type { PipelineCounts, ProfileCounts, PromiseStatus, WorkloadStatus } from './status.ts';

export interface PipelineSettings {
  /** Periods before a baseline judges, and before it counts as mature. */
  readonly learnWindows: number;
  readonly matureWindows: number;
  /** Rarity from which a detection is made, 0 to 1. */
  readonly minScore: number;
  /** Detectors and rules on trial. */
  readonly shadow: Pick<ReadonlySet<string>, 'has'>;
  /** An alert stays open for this long after its last detection, ms. */
  readonly groupForMs: number;
  /** Expected time between false alarms of one workload, ns. */
  readonly budgetNs: bigint;
}

export interface PipelineOptions {
  readonly cluster: string;
  readonly node: string;
  /** The kernel's boot id. */
  readonly boot: string;
  /** One instant on both clocks; ticks bring later ones. */
  readonly bootNs: bigint;
  readonly wallMs: number;
  readonly settings: PipelineSettings;
  readonly architecture: Architecture;
  /** Lists of pods will come: events of a pod's container wait for its name, at most 2 s. */
  readonly podsExpected: boolean;
  readonly rules: Rules;
  readonly sink: Sink;
}

/** Events judged in one step. Each may be a detection: a place in the spool and a line of the log, 0.2 ms. */
const STEP_EVENTS = 4;

function finish(steps: Generator<void>): void {
  for (let step = steps.next(); step.done !== true; ) step = steps.next();
}

export class Pipeline {
  /** Baselines, for checkpoints. */
  readonly registry: Registry;
  /** Whom addresses beyond this node belong to. */
  readonly peers = new ClusterPeers();
  /** Of detectors. */
  readonly costs = new Costs();
  readonly #sink: Sink;
  readonly #containers: Containers;
  readonly #attribution: Attribution;
  readonly #lives = new Lives();
  readonly #processes = new Processes();
  readonly #roles: Roles;
  readonly #sessions = new SessionStarts();
  readonly #budgetHours: number;
  readonly #telling: Telling;
  readonly #unseen: Unseen;
  readonly #states = new PodStates();
  readonly #fares = new PodFares();
  readonly #situations: Situations;
  readonly #verdicts: Verdicts;
  readonly #windows: Windows;
  readonly #canaries: CanaryJudge;
  /** Of the last tick, CLOCK_BOOTTIME ns. */
  #bootNs: bigint;
  #events = 0;
  #podsRefused = 0;
  #podsProblem: string | null = null;
  readonly #malformed: Record<string, number> = {};
  readonly #lineageOf = (event: Event) => this.#processes.lineage(event.process.pid, event.process.start);

  constructor(options: PipelineOptions) {
    const { sink, settings } = options;
    this.#sink = sink;
    this.#bootNs = options.bootNs;
    this.#roles = new Roles(options.bootNs);
    this.#budgetHours = Number(settings.budgetNs) / 3.6e12;
    this.registry = new Registry(settings);
    this.#containers = new Containers({
      cluster: options.cluster,
      node: options.node,
      podsExpected: options.podsExpected,
      onNew: (container) => {
        this.#lives.began(container);
        sink.newContainer(container);
      },
      onGone: (container, time) => {
        this.#lives.gone(container, time);
        sink.goneContainer(container);
      },
    });
    this.#attribution = new Attribution({
      lookup: this.#containers,
      hostSlot: LAYOUT.SLOT_HOST,
      emit: (event, container) => this.#judge(event, container),
    });
    const { registry } = this;
    const stateOf = ({ identity }: Container) => this.#states.of(identity.podUid, identity.name);
    const telling = new Telling({ ...options, registry, stateOf });
    const situations = new Situations(registry);
    const unseen = new Unseen(situations, telling);
    this.#unseen = unseen;
    const newcomers = new Newcomers({ ...settings, registry, situations, telling });
    this.#telling = telling;
    this.#situations = situations;
    this.#verdicts = new Verdicts({
      minScore: settings.minScore,
      rules: options.rules,
      registry,
      situations,
      telling,
      costs: this.costs,
      vouches: (baseline) => newcomers.vouches(baseline),
      namesOf: (address, timeNs) => this.#windows.namesOf(address, timeNs),
    });
    const { architecture, bootNs } = options;
    this.#canaries = new CanaryJudge(architecture);
    this.#windows = new Windows(
      {
        containers: this.#containers,
        registry,
        verdicts: this.#verdicts,
        telling,
        unseen,
        stateOf,
        newcomers,
        costs: this.costs,
        sink,
        architecture,
        workloadOf: (address) => this.#containers.nameOfAddress(address),
        peers: this.peers,
        lineageOf: this.#lineageOf,
        endedOf: (container) => this.#lives.endedOf(container),
        malformed: (count) => this.#count('flow', count),
      },
      bootNs,
    );
  }

  /** One frame of a recording; a Start changes nothing here, it is what the options were made from. */
  frame(frame: Frame): void {
    finish(this.steps(frame));
  }

  /**
   * The same in steps of less than a millisecond, between which the event loop may be let go. The next frame comes after
   * the last step of this one. A list of pods is one step: it is one JSON text.
   */
  *steps(frame: Frame): Generator<void> {
    if (frame.kind === 'records') yield* this.#records(frame.bytes);
    else if (frame.kind === 'cgroups') yield* this.#cgroups(frame.found);
    else if (frame.kind === 'pods') this.pods(frame.list);
    else if (frame.kind === 'baseline') this.#baseline(frame.text);
    else if (frame.kind === 'network') this.#network(frame.text);
    else if (frame.kind === 'exceptions') this.#exceptions(frame.text);
    else if (frame.kind === 'peers') this.#clusterPeers(frame.text);
    else if (frame.kind === 'resources') this.#resources(frame.readings);
    else if (frame.kind === 'canary') this.#canaries.expect(frame);
    else if (frame.kind === 'tick') yield* this.#tick(frame.tick);
  }

  /** A batch of whole records of native/records.h. */
  records(bytes: Uint8Array): void {
    finish(this.#records(bytes));
  }

  /** Cgroups found in the cgroup file system, at start or because they were asked for. */
  cgroups(found: readonly CgroupFound[]): void {
    finish(this.#cgroups(found));
  }

  /** A PodList as JSON. */
  pods(list: string): void {
    const { pods, refused, problem } = readPodList(list);
    this.#podsRefused += refused;
    this.#podsProblem = problem;
    if (problem !== null) return;
    this.#containers.pods(pods, this.#bootNs);
    this.#attribution.advance(0n);
    this.#windows.named(this.#bootNs);
    for (const { pod, ...trouble } of this.#states.take(pods, this.#bootNs))
      this.#ofPod(pod.uid, trouble.state.container, judgePodState({ pod, ...trouble }));
    this.#fares.take(pods, this.#states.changes);
  }

  /** Told of the container itself where it runs at this moment, else of the host. */
  #ofPod(podUid: string, name: string, verdict: Verdict): void {
    const container = this.#containers
      .live()
      .find(({ identity }) => identity.podUid === podUid && identity.name === name);
    const watched = this.#windows.of(container ?? this.#containers.host);
    this.#unseen.ofPod(watched, verdict, { timeNs: this.#bootNs, cpu: 0 });
  }

  /** The end of a window. */
  tick(tick: Tick): void {
    finish(this.#tick(tick));
  }

  *#records(bytes: Uint8Array): Generator<void> {
    const { events, problems } = decodeRecords(bytes);
    for (const [problem, count] of Object.entries(problems)) this.#count(problem, count);
    yield;
    for (const event of events) {
      this.#events += 1;
      this.#attribution.advance(event.time);
      if (event.kind === 'cgroup') this.#cgroup(event);
      else {
        this.#attribution.event(event);
        this.#askFor(event.cgroup, event.slot);
      }
      if (this.#events % STEP_EVENTS === 0) yield;
    }
  }

  *#cgroups(found: readonly CgroupFound[]): Generator<void> {
    // Owners before what is nested in them.
    for (const { id, path } of found.toSorted((a, b) => a.path.length - b.path.length)) {
      this.#containers.found(id, path);
      yield;
    }
    this.#attribution.advance(0n);
    this.#windows.named(this.#bootNs);
  }

  #resources(readings: readonly ResourceReading[]): void {
    for (const { cgroup, resources } of readings) {
      const container = this.#containers.find(cgroup, LAYOUT.SLOT_NONE, LAYOUT.SLOT_HOST);
      if (container !== null) this.#windows.of(container).window.resources(resources);
    }
  }

  *#tick(tick: Tick): Generator<void> {
    this.#bootNs = tick.bootNs;
    this.#telling.anchor(tick);
    this.#attribution.advance(tick.bootNs);
    this.#lives.settle(({ id, cgroup }) => {
      const now = this.#containers.find(cgroup, LAYOUT.SLOT_NONE, LAYOUT.SLOT_HOST);
      return now?.id === id ? now : null;
    });
    yield* this.#windows.tick(this.#canaries.without(tick));
    for (const { podUid, container, verdict } of this.#fares.tick()) this.#ofPod(podUid, container, verdict);
    this.#situations.rates.clear();
    this.#telling.tick(tick.bootNs);
    this.#forget(tick.bootNs);
  }

  /** Containers that are gone for longer than records can be late, and what is kept of each. */
  #forget(now: bigint): void {
    this.#lives.forget(now);
    const gone = this.#containers.forget(now);
    if (gone.length === 0) return;
    this.#processes.forget(gone);
    this.#roles.forget(gone.map(({ container }) => container));
  }

  /** Cgroups that events wait for now: a list of pods, or a look at the cgroup file system, would help. */
  waiting(): number[] {
    return this.#attribution.waiting();
  }

  containers(): Container[] {
    return [this.#containers.host, ...this.#containers.live()];
  }

  /** What it used in its last window in which that was read, or null. */
  resourcesOf(container: Container): Resources | null {
    return this.#windows.resourcesOf(container);
  }

  lifeOf(container: Container): Life {
    return this.#lives.of(container);
  }

  counts(): PipelineCounts {
    const { held, expired, overflow } = this.#attribution.counts;
    return {
      events: this.#events,
      ...this.#telling.counts,
      malformed: { ...this.#malformed },
      lostOfSlots: { ...this.#windows.losses.ofSlots },
      ...this.#lives.counts,
      held,
      expired: expired + overflow,
      podsRefused: this.#podsRefused,
      podsProblem: this.#podsProblem,
      statesRefused: this.#states.refused + this.#fares.refused,
      processes: this.#processes.size,
      openAlerts: this.#telling.openAlerts,
      baselines: this.registry.size,
      names: { ...this.#windows.names },
      excepted: this.#telling.exceptions.total,
      unlooked: this.#telling.exceptions.unlooked,
      exceptedBy: Object.fromEntries(this.#telling.exceptions.hits),
    };
  }

  profiles(): ProfileCounts {
    const { guarding, counts } = this.#windows.profiles;
    const baselines = this.registry.all();
    const sum = (of: (baseline: Baseline) => number): number =>
      baselines.reduce((total, baseline) => total + of(baseline), 0);
    return {
      guarding,
      ...counts,
      ...this.registry.facts(),
      suspects: sum(({ suspects }) => suspects),
      versions: sum(({ versions }) => versions.size),
      versionsEvicted: sum(({ versions }) => versions.evicted),
      rollouts: sum(({ versions }) =>
        Number(versions.current !== null && versions.isYoung(versions.current)),
      ),
    };
  }

  /** Over all workloads. */
  promise(): PromiseStatus {
    let [alarms, hours] = [0, 0];
    for (const { history } of this.registry.all()) {
      alarms += history.achieved.alarms;
      hours += history.achieved.hours;
    }
    return { alarms, hours, budgetHours: this.#budgetHours };
  }

  /** How the models of each workload fare. */
  models(): WorkloadCards[] {
    const cards = this.registry.all().map(cardsOf);
    return cards.toSorted((a, b) => (a.workload < b.workload ? -1 : 1));
  }

  /** The same as numbers, of all together. */
  care(): CareNumbers {
    const running = new Set(this.containers().map(({ identity }) => identity.workload));
    return careNumbers(this.registry.all(), (workload) => running.has(workload));
  }

  /** Programs started, by who was at work. */
  roles(): Readonly<Record<RoleKind, number>> {
    return { ...this.#roles.counts };
  }

  /** What a profile that is an object tells of the workload's baseline; null: there is none. */
  profileOf(workload: string): ProfileSummary | null {
    const baseline = this.registry.find(workload);
    if (baseline === null) return null;
    const { state, periods, pinned } = baseline;
    const facts = FACT_KINDS.reduce((sum, kind) => sum + baseline.facts(kind), 0);
    return { state, periods: Math.floor(periods), facts, pinned };
  }

  workloads(): WorkloadStatus[] {
    const guarding = this.#windows.guarding();
    const running = new Map<string, number>();
    for (const { identity } of this.containers())
      running.set(identity.workload, (running.get(identity.workload) ?? 0) + 1);
    return this.registry
      .all()
      .map((baseline) =>
        statusOf(baseline, {
          containers: running.get(baseline.workload) ?? 0,
          guarding: guarding.get(baseline.workload) ?? 0,
          budgetHours: this.#budgetHours,
        }),
      )
      .toSorted((a, b) => (a.workload < b.workload ? -1 : 1));
  }

  #baseline(text: string): void {
    try {
      this.registry.touch(this.registry.load(text));
    } catch {
      this.#count('baseline', 1);
    }
  }

  #network(text: string): void {
    try {
      const reply = replyOf(JSON.parse(text), ROW_FEATURES.length);
      const { shape, pinned } = this.registry.baseline(reply.workload);
      if (!pinned && shape.take(reply)) this.registry.touch(reply.workload);
    } catch {
      this.#count('network', 1);
    }
  }

  #clusterPeers(text: string): void {
    try {
      this.peers.use(text);
    } catch {
      this.#count('peers', 1);
    }
  }

  #exceptions(text: string): void {
    try {
      this.#telling.exceptions.use(readExceptions(text));
    } catch {
      this.#count('exceptions', 1);
    }
  }

  #count(problem: string, count: number): void {
    this.#malformed[problem] = (this.#malformed[problem] ?? 0) + count;
  }

  #cgroup(event: Extract<Event, { kind: 'cgroup' }>): void {
    if (event.change === 'removed') {
      this.#containers.removed(event.cgroup, event.time);
      return;
    }
    if (event.path === null && event.isNew) this.#containers.begun(event.cgroup, event.time);
    else this.#containers.made(event.cgroup, event.path, event.time);
    const container = this.#containers.find(event.cgroup, event.slot, LAYOUT.SLOT_HOST);
    if (container !== null) this.#windows.began(container, event);
    if (event.path === null) this.#sink.lookupCgroup(event.cgroup);
  }

  /** Once per cgroup while events wait for it and nothing is known of it. */
  #askFor(cgroup: number, slot: number): void {
    if (this.#attribution.waitingFor(cgroup) !== 1) return;
    if (this.#containers.find(cgroup, slot, LAYOUT.SLOT_HOST) === null) this.#sink.lookupCgroup(cgroup);
  }

  #entered(event: ExecEvent, container: Container, role: Role): void {
    const session = this.#sessions.of(event, container, role);
    if (session !== null) this.#sink.session(session, this.#telling.wallOf(event.time));
  }

  #judge(event: Event, container: Container): void {
    const canary = this.#canaries.judge(event, container);
    if (canary !== null) {
      if (canary !== 'its') this.#sink.canary(canary, this.#telling.wallOf(canary.timeNs));
      return;
    }
    this.#lives.event(event, container);
    const role = this.#roles.of(event, container);
    if (event.kind === 'exit') {
      if (event.status !== 0 && role.kind === 'own')
        this.#windows.of(container).attempts.ended(event, this.#lineageOf(event)[0]);
      return;
    }
    this.#processes.note(event, container.id);
    if (event.kind === 'exec') this.#entered(event, container, role);
    const watched = this.#windows.of(container);
    if (role.kind === 'own') watched.attempts.event(event);
    if (event.kind === 'action' && event.action === 'oom-kill') watched.window.oomKill();
    watched.observed ||= event.slot !== LAYOUT.SLOT_NONE;
    if (event.kind === 'pair') {
      this.#windows.pair(watched, event, role);
      return;
    }
    if (event.kind === 'dns') this.#windows.dns(watched, event);
    const fact = this.#windows.factUnderName(watched, event.time, (peerOf) => factOf(event, peerOf));
    if (event.kind === 'novel' && fact !== null) this.#windows.novel(watched, fact, event);
    this.#verdicts.event(event, { watched, fact, lineage: this.#lineageOf(event), role });
  }
}
