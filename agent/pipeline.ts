/**
 * From what the probes gave to detections, alerts and windows: a deterministic function of frames. It reads no clock,
 * no file and no network and uses no randomness, so that live run, replay and tests are the same.
 */
import { CanaryJudge } from './alerts/canary.ts';
import type { Verdict } from './alerts/judge.ts';
import { judgePodState } from './alerts/pod-state.ts';
import { Situations } from './case.ts';
import { Costs } from './costs.ts';
import { decodeRecords } from './events/decode.ts';
import type { Event } from './events/event.ts';
import type { CgroupFound, Frame, Tick } from './events/frame.ts';
import { LAYOUT } from './events/layout.ts';
import type { ResourceReading, Resources } from './events/resources.ts';
import { Given } from './given.ts';
import { Attribution } from './identity/attribute.ts';
import { ClusterPeers } from './identity/cluster-peers.ts';
import type { Container } from './identity/container.ts';
import { Containers } from './identity/containers.ts';
import { type Life, Lives } from './identity/lives.ts';
import { PodStates } from './identity/pod-states.ts';
import { readPodList } from './identity/pods.ts';
import { Processes } from './identity/processes.ts';
import { Registry } from './models/registry.ts';
import { Newcomers } from './newcomers.ts';
import { Overview } from './overview.ts';
import type { PipelineOptions } from './pipeline-options.ts';
import { PodFares } from './pod-fares.ts';
import type { Sink } from './sink.ts';
import type { RoleKind } from './situation/roles.ts';
import type { PipelineCounts } from './status.ts';
import { Telling } from './telling.ts';
import { Unseen } from './unseen.ts';
import { Verdicts } from './verdicts.ts';
import { Windows } from './windows.ts';
import { Witness } from './witness.ts';

export type { PipelineOptions, PipelineSettings } from './pipeline-options.ts';
export type { ContainerWindow, Sink } from './sink.ts';
export type { PipelineCounts, ProfileCounts, PromiseStatus, WorkloadStatus } from './status.ts';

/** Events judged in one step. Each may be a detection: a place in the spool and a line of the log, 0.2 ms. */
const STEP_EVENTS = 4;
/** Processes that ended, forgotten in one step, at 0.5 us each. */
const STEP_ENDED = 256;

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
  readonly #telling: Telling;
  readonly #unseen: Unseen;
  readonly #states = new PodStates();
  readonly #fares = new PodFares();
  readonly #situations: Situations;
  readonly #windows: Windows;
  readonly #witness: Witness;
  readonly #given: Given;
  /** What it says of itself. */
  readonly overview: Overview;
  readonly #canaries: CanaryJudge;
  /** Of the last tick, CLOCK_BOOTTIME ns. */
  #bootNs: bigint;
  #events = 0;
  #podsRefused = 0;
  #podsProblem: string | null = null;
  readonly #malformed: Record<string, number> = {};

  constructor(options: PipelineOptions) {
    const { sink, settings } = options;
    this.#sink = sink;
    this.#bootNs = options.bootNs;
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
      emit: (event, container) => this.#witness.event(event, container),
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
    const verdicts = new Verdicts({
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
        verdicts,
        telling,
        unseen,
        stateOf,
        newcomers,
        costs: this.costs,
        sink,
        architecture,
        workloadOf: (address) => this.#containers.nameOfAddress(address),
        peers: this.peers,
        lineageOf: (event) => this.#processes.lineageOf(event),
        endedOf: (container) => this.#lives.endedOf(container),
        malformed: (count) => this.#count('flow', count),
      },
      bootNs,
    );
    const [windows, lives, processes] = [this.#windows, this.#lives, this.#processes];
    this.#witness = new Witness({
      ...{ bootNs, lives, processes, canaries: this.#canaries },
      ...{ sink, telling, verdicts, windows },
    });
    const malformed = (problem: string): void => this.#count(problem, 1);
    this.#given = new Given({ registry, peers: this.peers, telling, malformed });
    this.overview = new Overview({
      ...{ registry, telling, windows, lives, processes },
      attribution: this.#attribution,
      containers: () => this.containers(),
      budgetHours: Number(settings.budgetNs) / 3.6e12,
    });
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
    else if (frame.kind === 'resources') this.#resources(frame.readings);
    else if (frame.kind === 'canary') this.#canaries.expect(frame);
    else if (frame.kind === 'tick') yield* this.#tick(frame.tick);
    else if (frame.kind !== 'start') this.#given.take(frame);
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

  /** No frame follows: what was put off until the next tick is judged now. */
  end(): void {
    this.#windows.finish();
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
    for (const found of this.#fares.tick()) {
      if (found !== null) this.#ofPod(found.podUid, found.container, found.verdict);
      yield;
    }
    this.#situations.rates.clear();
    this.#telling.tick(tick.bootNs);
    this.#forget(tick.bootNs);
    while (this.#witness.forgetEnded(tick.bootNs, STEP_ENDED)) yield;
  }

  /** Containers that are gone for longer than records can be late, and what is kept of each. */
  #forget(now: bigint): void {
    this.#lives.forget(now);
    const gone = this.#containers.forget(now);
    if (gone.length === 0) return;
    this.#witness.forget(gone);
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
    return this.overview.counts({
      events: this.#events,
      actors: this.#witness.roles.size,
      malformed: { ...this.#malformed },
      podsRefused: this.#podsRefused,
      podsProblem: this.#podsProblem,
      statesRefused: this.#states.refused + this.#fares.refused,
    });
  }

  /** Programs started, by who was at work. */
  roles(): Readonly<Record<RoleKind, number>> {
    return { ...this.#witness.roles.counts };
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
}
