/** The open windows of all containers: what a tick adds to them, and what becomes of them at their end. */
import { RARITY } from './alerts/judge.ts';
import { SEQUENCE } from './alerts/sequence.ts';
import { isWorkload, sessionsOf } from './alerts/session.ts';
import { UNKNOWN } from './alerts/unknown.ts';
import type { Costs } from './costs.ts';
import { decodeFlows } from './events/decode.ts';
import type { DnsEvent, Event, Flow, NovelEvent, PairEvent } from './events/event.ts';
import type { SlotTick, Tick } from './events/frame.ts';
import { LAYOUT } from './events/layout.ts';
import type { Resources } from './events/resources.ts';
import { classCounts, factsOfCalls } from './features/calls.ts';
import type { Fact } from './features/fact.ts';
import { factOfEnds, factOfQuestion, type PeerOf } from './features/facts.ts';
import { Pairs } from './features/pairs.ts';
import type { Architecture } from './features/syscalls.ts';
import { HOLD_NS } from './identity/attribute.ts';
import type { ClusterPeers } from './identity/cluster-peers.ts';
import type { Container } from './identity/container.ts';
import type { Containers } from './identity/containers.ts';
import type { Ended } from './identity/lives.ts';
import type { NameCounts } from './identity/peer-names.ts';
import type { ContainerState } from './identity/pods.ts';
import type { KnownProcess } from './identity/processes.ts';
import { JobRuns } from './job-runs.ts';
import { Losses } from './losses.ts';
import type { Baseline } from './models/baseline.ts';
import type { Period } from './models/periods.ts';
import type { Registry } from './models/registry.ts';
import { type Records, sumOfRecords } from './models/volume/surge.ts';
import type { Newcomers } from './newcomers.ts';
import { type Mode, Profiles } from './profile/profiles.ts';
import { Replicas } from './replicas.ts';
import { Rollouts } from './rollouts.ts';
import type { Sink } from './sink.ts';
import type { Role } from './situation/roles.ts';
import type { Telling } from './telling.ts';
import type { Unseen } from './unseen.ts';
import type { Verdicts } from './verdicts.ts';
import { Watched } from './watched.ts';

export interface WindowsParts {
  readonly containers: Containers;
  readonly registry: Registry;
  readonly verdicts: Verdicts;
  readonly telling: Telling;
  readonly unseen: Unseen;
  readonly newcomers: Newcomers;
  readonly costs: Costs;
  readonly sink: Pick<Sink, 'window' | 'profile' | 'train'>;
  readonly architecture: Architecture;
  /** The workload that an address is here, or null. */
  readonly workloadOf: (address: string) => string | null;
  /** Whom the addresses of the cluster belong to. */
  readonly peers: Pick<ClusterPeers, 'nameOf' | 'isFirst'>;
  /** How the container's pod says that it fares, or null. */
  readonly stateOf: (container: Container) => ContainerState | null;
  /** The process of an event and what started it. */
  readonly lineageOf: (event: Event) => readonly KnownProcess[];
  readonly endedOf: (container: Container) => Ended;
  /** Entries of the flow map that could not be decoded. */
  readonly malformed: (count: number) => void;
}

/** What all windows that a tick ends have in common. */
interface Ending {
  readonly bootNs: bigint;
  /** Reason → records lost that no slot accounts for. */
  readonly anybodys: Readonly<Record<string, number>>;
}

/** Of steady life, whole, and nothing of it called strange. */
const isClean = ({ phase, complete, withheld, flagged }: Period): boolean =>
  phase === 'steady' && complete && !withheld && flagged.length === 0;

const keyOf = ({ id, cgroup }: Container): string => `${id} ${cgroup}`;

export class Windows {
  readonly losses = new Losses();
  readonly profiles: Profiles;
  /** What was made of DNS answers. */
  readonly names: NameCounts = { told: 0, evicted: 0, unasked: 0, strange: 0, odd: 0 };
  readonly #pairs: Pairs;
  readonly #parts: WindowsParts;
  readonly #watched = new Map<string, Watched>();
  readonly #replicas = new Replicas();
  /** Of all workloads, until the next tick. */
  #surges: Records | null = null;
  readonly #rollouts: Rollouts;
  readonly #jobRuns: JobRuns;
  /** Of the last tick, CLOCK_BOOTTIME ns. */
  #bootNs: bigint;

  constructor(parts: WindowsParts, bootNs: bigint) {
    this.#parts = parts;
    this.#rollouts = new Rollouts(parts.verdicts);
    this.#jobRuns = new JobRuns({
      endedOf: parts.endedOf,
      wallOf: (timeNs) => parts.telling.wallOf(timeNs),
      steps: (watched) => parts.verdicts.standing(watched).steps,
      tell: (watched, verdict, when) => parts.verdicts.window(watched, verdict, when, parts.lineageOf),
    });
    const pairs = new Pairs(parts.architecture);
    this.#pairs = pairs;
    this.profiles = new Profiles({
      bits: (values) => pairs.bits(values),
      emit: (profile) => parts.sink.profile(profile),
    });
    this.#bootNs = bootNs;
  }

  /** What is kept of the container, begun now when there is nothing yet. */
  of(container: Container): Watched {
    const key = keyOf(container);
    const known = this.#watched.get(key);
    if (known !== undefined) {
      this.#rename(known, container);
      return known;
    }
    const gone = container.kind !== 'host' && !this.#parts.containers.isLive(container);
    const made = new Watched(container, container.madeAt ?? this.#bootNs, {
      late: gone,
      names: this.names,
      replicas: this.#replicas,
      surgesOfNode: () => this.#surgesOfNode(),
    });
    this.#watched.set(key, made);
    return made;
  }

  /** What it used in its last window in which that was read, or null. */
  resourcesOf(container: Container): Resources | null {
    return this.#watched.get(keyOf(container))?.resources ?? null;
  }

  /** Adds what the tick read to the windows, then ends them. */
  *tick(tick: Tick): Generator<void> {
    const { containers, malformed } = this.#parts;
    this.#bootNs = tick.bootNs;
    this.#surges = null;
    for (const container of [containers.host, ...containers.live()]) this.of(container);
    const ending = { bootNs: tick.bootNs, anybodys: this.losses.take(tick) };
    for (const slot of tick.slots) {
      this.#slot(slot, tick.bootNs);
      yield;
    }
    if (this.losses.withoutSlot > 0) this.#unwatched(tick.bootNs);
    for (const watched of this.#watched.values()) this.#judgeEarly(watched);
    const decoded = decodeFlows(tick.flows, tick.flowSize);
    if (decoded.malformed > 0) malformed(decoded.malformed);
    for (const flow of decoded.flows) {
      this.#flow(flow);
      yield;
    }
    this.#parts.telling.weigh.replicas(this.#watched.values());
    this.#overload(ending);
    for (const [key, watched] of this.#watched) {
      this.#end(key, watched, ending);
      yield;
    }
  }

  /** No tick follows: what waits for one is judged by what is known now. */
  finish(): void {
    for (const watched of this.#watched.values()) this.#judgeEarly(watched);
  }

  /** Those over their own budget alone are no sign of it. */
  #overload({ bootNs }: Ending): void {
    const losers = [...this.#watched.values()].filter(
      ({ container, window }) =>
        container.kind !== 'host' && Object.keys(window.losses).some((name) => !name.startsWith('throttled')),
    );
    const { containers, unseen } = this.#parts;
    unseen.overload(this.of(containers.host), losers, { timeNs: bootNs, cpu: 0 });
  }

  /** A pair that its slot, in guard, did not know. */
  pair(watched: Watched, event: PairEvent, role: Role): void {
    watched.slot ??= event.slot;
    const own = role.kind !== 'setup' && role.kind !== 'session';
    this.#pair(watched, this.#pairs.indexOf(event), event, own);
  }

  /** Something that its slot had not done, by the key with which the kernel side knows it. */
  novel(watched: Watched, fact: Fact, { key, slot }: Pick<NovelEvent, 'key' | 'slot'>): void {
    watched.slot ??= slot;
    this.profiles.keys.note(watched.container.identity.workload, key, fact);
    this.profiles.note({ slot: watched.slot, cgroup: watched.container.cgroup }, fact);
  }

  /** What the container knows of its peers at that time. */
  peerOf(watched: Watched, timeNs: bigint): PeerOf {
    return (address) => ({
      workload: this.#parts.workloadOf(address) ?? this.#parts.peers.nameOf(address),
      name: watched.names.nameOf(address, timeNs),
    });
  }

  /**
   * A fact under the name that its peer has in the cluster. One that the baseline knows under what it was called before, as
   * when the first names come, is judged as that and learnt as this: it is no new peer. Not where the address was another's
   * before: who has it now is a stranger under a known number.
   */
  factUnderName<F extends Fact | null>(
    watched: Watched,
    timeNs: bigint,
    make: (peerOf: PeerOf) => F,
  ): F | Fact {
    let renamed = false;
    const peerOf = this.peerOf(watched, timeNs);
    const fact = make((address) => {
      renamed ||= this.#parts.workloadOf(address) === null && this.#parts.peers.isFirst(address);
      return peerOf(address);
    });
    if (!renamed || fact === null) return fact;
    const before = make((address) => ({ ...peerOf(address), workload: null }));
    const baseline = this.#parts.registry.baseline(watched.container.identity.workload);
    if (before === null || baseline.seen(fact) > 0 || baseline.seen(before) === 0) return fact;
    watched.window.fact(fact);
    return before;
  }

  /** The names under which any container of the node knows the address at that time. */
  namesOf(address: string, timeNs: bigint): ReadonlySet<string> {
    const names = new Set<string>();
    for (const { names: own } of this.#watched.values()) {
      const name = own.told(address, timeNs);
      if (name !== null) names.add(name);
    }
    return names;
  }

  /**
   * A DNS question or answer. An answer names addresses when the container asked for it, and asked a server that its
   * workload is known to use, once it is known which those are: who runs a server of his own may give his machine any name. A
   * session may ask one that others use here. An answer comes to no process: it is the session's that asked.
   */
  dns(watched: Watched, event: DnsEvent): void {
    watched.window.dns(event);
    if (event.odd !== null) this.names.odd += 1;
    if (event.what === 'unasked') this.names.unasked += 1;
    if (event.what !== 'answer' || event.addresses.length === 0) return;
    const resolver = this.#resolver(watched, event);
    if (!this.#isStrange(watched, resolver)) watched.names.note(event);
    else if (this.#isVisitors(watched, event) && this.#parts.verdicts.isElsewhere(resolver, event.time))
      watched.visitorsNames.note(event);
    else this.names.strange += 1;
  }

  #isVisitors({ sessions }: Watched, event: DnsEvent): boolean {
    const asked = factOfQuestion(event);
    return asked !== null && sessions.did(asked);
  }

  #resolver(watched: Watched, { server, port, time }: DnsEvent): Fact {
    const ends = { protocol: 'udp', direction: 'connect', peer: server, port } as const;
    return this.factUnderName(watched, time, (peerOf) => factOfEnds(ends, peerOf));
  }

  #isStrange(watched: Watched, fact: Fact): boolean {
    const baseline = this.#parts.registry.baseline(watched.container.identity.workload);
    return baseline.judges('connect', watched.phase) && baseline.seen(fact) === 0;
  }

  /** A container was made: it is known where the kernel side keeps it. */
  began(container: Container, { slot, time }: Pick<Event, 'slot' | 'time'>): void {
    const watched = this.of(container);
    watched.slot = slot;
    this.#profile(watched, time);
  }

  /** Containers that were named since they were last looked at get the profile of their workload at once. */
  named(bootNs: bigint): void {
    for (const watched of this.#watched.values()) {
      if (watched.profiled || watched.slot === null) continue;
      this.#refresh(watched);
      this.#profile(watched, bootNs);
    }
  }

  /** By workload: containers that guard. */
  guarding(): Map<string, number> {
    const found = new Map<string, number>();
    for (const watched of this.#watched.values()) {
      const { workload } = watched.container.identity;
      if (this.#modeOf(watched) === 'guard') found.set(workload, (found.get(workload) ?? 0) + 1);
    }
    return found;
  }

  #pair(watched: Watched, index: number, event: PairEvent | null, own = true): void {
    const fact = this.#pairs.fact(index);
    if (fact === null) return;
    if (own) watched.pairs.add(fact, event);
    if (event !== null && watched.slot !== null)
      this.profiles.note({ slot: watched.slot, cgroup: watched.container.cgroup }, fact);
  }

  #profile(watched: Watched, bootNs: bigint): void {
    const { container, slot, phase } = watched;
    if (slot === null || !container.settled || watched.late) return;
    watched.profiled = true;
    const { workload, imageDigest } = container.identity;
    const baseline = this.#parts.registry.baseline(workload).as(imageDigest);
    this.profiles.review({ slot, cgroup: container.cgroup, phase, workload, baseline }, bootNs);
  }

  #slot(slot: SlotTick, bootNs: bigint): void {
    const { containers, verdicts, architecture } = this.#parts;
    if (slot.slot === LAYOUT.SLOT_NONE) return;
    containers.hasSlot(slot.cgroup);
    const container = containers.find(slot.cgroup, slot.slot, LAYOUT.SLOT_HOST);
    if (container === null) return;
    const watched = this.of(container);
    watched.observed = true;
    watched.slot = slot.slot;
    watched.window.slot(slot);
    watched.window.calls(classCounts(slot, architecture));
    for (const index of slot.pairs) this.#pair(watched, index, null);
    if (!container.settled) return;
    verdicts.calls(watched, factsOfCalls(slot, architecture), { timeNs: bootNs, cpu: 0 });
  }

  #unwatched(bootNs: bigint): void {
    const { containers, unseen } = this.#parts;
    const ids = containers.withoutSlot().map(({ id }) => id);
    const unwatched = { tries: this.losses.withoutSlot, containers: ids };
    unseen.unwatched(this.of(containers.host), unwatched, { timeNs: bootNs, cpu: 0 });
  }

  #flow(flow: Flow): void {
    const { containers, registry, verdicts, costs } = this.#parts;
    const container = containers.find(flow.cgroup, flow.slot, LAYOUT.SLOT_HOST);
    if (container === null) return;
    const watched = this.of(container);
    watched.window.flow(flow);
    if (!container.settled) return;
    const fact = this.factUnderName(watched, flow.last, (peerOf) => factOfEnds(flow, peerOf));
    const baseline = registry.baseline(container.identity.workload);
    const { numbers, attempts, surges } = watched;
    costs.each(numbers.name, () => numbers.flow(flow, fact, baseline));
    costs.each(attempts.name, () => attempts.flow(flow, fact, baseline));
    costs.each(surges.name, () => surges.flow(flow, fact));
    const when = { timeNs: flow.first, cpu: 0 };
    const isNewCall =
      fact.kind === 'connect' &&
      watched.phase === 'steady' &&
      baseline.judges('connect', 'steady') &&
      baseline.seen(fact) === 0;
    // One that is late has no next tick.
    const mayWait = isNewCall && !watched.late && !watched.window.has(fact);
    if (mayWait && watched.early.keep({ fact, when }, this.#bootNs)) return;
    verdicts.fact(watched, fact, when);
  }

  /** Whose they are would be known by now. */
  #judgeEarly(watched: Watched): void {
    for (const { fact, when } of watched.early.take()) this.#parts.verdicts.fact(watched, fact, when);
  }

  #end(key: string, watched: Watched, ending: Ending): void {
    const { containers, registry, verdicts, telling, unseen, newcomers, costs, sink } = this.#parts;
    if (watched.late) {
      this.#watched.delete(key);
      // Its records took the baseline up again.
      this.#parts.registry.retire(watched.container.identity.workload);
      return;
    }
    const container = this.#settled(watched, ending.bootNs);
    if (container === null) return;
    const gone = container.kind !== 'host' && !containers.isLive(container);
    watched.window.anybodys(ending.anybodys);
    if (!gone) telling.outlived(watched);
    else this.#judgeEarly(watched);
    const baseline = registry.baseline(container.identity.workload);
    const when = { timeNs: ending.bootNs, cpu: 0 };
    costs.windows += 1;
    costs.window(SEQUENCE, () => verdicts.sequence(watched, when, this.#parts.lineageOf));
    if (watched.window.lost > 0) unseen.flood(watched, this.losses.everybodys, when);
    const { loudestName } = watched.window;
    const loud = costs.window(baseline.labels.name, () => verdicts.names(watched, when));
    costs.window(UNKNOWN, () => newcomers.end(watched, ending.bootNs));
    this.#jobRuns.end(watched, baseline, { gone, when });
    this.#judge(watched, baseline, ending.bootNs);
    const { facts: pairs } = watched.pairs;
    costs.window('evidence', () => telling.weigh.end(watched, ending.bootNs, telling.isAlerted(watched)));
    this.#learnSessions(watched);
    const { told } = watched;
    const { window, learn } = watched.close(ending.bootNs, gone);
    const newPairs = pairs.filter((fact) => baseline.seen(fact) === 0).length;
    const newFacts = window.facts.filter((fact) => baseline.seen(fact) === 0).length;
    const stateBefore = baseline.state;
    this.#rollouts.returned(watched, baseline, this.#watched.values(), when);
    const version = container.identity.imageDigest;
    for (const period of learn)
      costs.window(RARITY, () => baseline.learn({ ...period, version, source: key }));
    this.#rollouts.report(watched, baseline, when);
    const clean = learn.some(isClean);
    const isNothing = told + watched.told + newFacts + newPairs === 0;
    const isAsEver = isNothing && learn.every(isClean) && baseline.state === stateBefore;
    if (clean && !loud && !baseline.pinned) baseline.labels.learn(loudestName);
    this.#settle(watched, baseline, clean);
    const learnt = learn.some(({ complete, withheld }) => complete && !withheld) && !baseline.pinned;
    const wallMs = telling.wallOf(ending.bootNs);
    baseline.history.care.window({ wallMs, complete: window.complete, learnt });
    if (learn.length > 0) registry.touch(container.identity.workload, !isAsEver);
    sink.window({
      ...window,
      container,
      newFacts,
      newPairs,
      mode: this.#modeOf(watched),
      pod: this.#parts.stateOf(container),
      state: baseline.state,
    });
    if (!gone) this.#profile(watched, ending.bootNs);
    else this.#forget(key, watched);
  }

  /** What the window comes to as a whole. A start has other numbers, and of what nobody looked at there are none. */
  #judge(watched: Watched, baseline: Baseline, bootNs: bigint): void {
    const { verdicts, costs } = this.#parts;
    if (!watched.observed || watched.phase === 'start') return;
    const window = watched.window.close(bootNs);
    const { container } = watched;
    const judging = { baseline, container, host: container.kind === 'host', ...verdicts.standing(watched) };
    for (const detector of watched.detectors)
      for (const verdict of costs.window(detector.name, () => detector.end(window, judging)))
        verdicts.window(watched, verdict, { timeNs: bootNs, cpu: 0 }, this.#parts.lineageOf);
    if (baseline.state !== 'mature') return;
    for (const { name, bits } of watched.detectors)
      if (bits !== null) baseline.history.care.score(name, bits);
  }

  /** What was clean is learnt; a training run is asked for when there is enough. */
  #settle({ detectors }: Watched, baseline: Baseline, clean: boolean): void {
    for (const detector of detectors) {
      const request = this.#parts.costs.window(detector.name, () => detector.settle(baseline, clean));
      if (request !== null) this.#parts.sink.train(request);
    }
  }

  #surgesOfNode(): Records {
    const all = () => this.#parts.registry.all().filter(({ workload }) => isWorkload(workload));
    this.#surges ??= sumOfRecords(all().map(({ surge }) => surge.records));
    return this.#surges;
  }

  /** What sessions did without being called strange is the life of sessions. */
  #learnSessions({ sessions, window, container }: Watched): void {
    const { registry } = this.#parts;
    for (const { facts, strange } of sessions.close()) {
      const workload = sessionsOf(container.identity.workload);
      const { complete } = window;
      registry.baseline(workload).learn({ phase: 'steady', facts, flagged: [], withheld: strange, complete });
      registry.touch(workload);
    }
  }

  #refresh(watched: Watched): void {
    const { cgroup, id } = watched.container;
    const current = this.#parts.containers.find(cgroup, LAYOUT.SLOT_NONE, LAYOUT.SLOT_HOST);
    if (current?.id === id) this.#rename(watched, current);
  }

  /** The container as it is known now; what it had of its own before it was named is nobody's. */
  #rename(watched: Watched, container: Container): void {
    const before = watched.container.identity.workload;
    watched.container = container;
    if (before !== container.identity.workload) this.#parts.registry.retire(before);
  }

  #modeOf({ slot, container }: Watched): Mode {
    return slot === null ? 'learn' : this.profiles.modeOf({ slot, cgroup: container.cgroup });
  }

  #forget(key: string, { slot, container }: Watched): void {
    this.#watched.delete(key);
    this.#replicas.forget(container.identity.workload, key);
    if (slot !== null) this.profiles.forget({ slot, cgroup: container.cgroup });
    this.#parts.registry.retire(container.identity.workload);
  }

  /** The container as it is known now; null while its pod is waited for: its window goes on, so that nothing is learnt
   * under the wrong name. */
  #settled(watched: Watched, bootNs: bigint): Container | null {
    const { containers } = this.#parts;
    this.#refresh(watched);
    if (!watched.container.settled && bootNs - watched.window.startNs < HOLD_NS) return null;
    if (!watched.container.settled) watched.container = containers.giveUp(watched.container);
    return watched.container;
  }
}
