/** From an event or a fact to what is told: rules and rarity are asked, detections made, alerts grouped. */
import { ACCESS } from './alerts/access.ts';
import type { Alert } from './alerts/alert.ts';
import { type Detection, idOf, type Origin, type Quality } from './alerts/detection.ts';
import { listLosses } from './alerts/explain.ts';
import { FILLED, filledBy, judgeFlood, judgeOverload, MANY_LOSE } from './alerts/flood.ts';
import { type Finding, Groups } from './alerts/group.ts';
import type { Rules } from './alerts/hit.ts';
import {
  isSensitiveCall,
  judgeByRarity,
  judgeByRules,
  mergeCalls,
  RARITY,
  type Situation,
  stepsOf,
  type Verdict,
} from './alerts/judge.ts';
import { judgeNames } from './alerts/names.ts';
import { inShadow } from './alerts/numbers.ts';
import { REPLICA } from './alerts/replica.ts';
import { judgeSequence, type NewPairs, SEQUENCE } from './alerts/sequence.ts';
import { isWorkload, judgeReach, sessionsOf } from './alerts/session.ts';
import { rankOf } from './alerts/severity.ts';
import { judgeUnwatched, type Unwatched } from './alerts/unwatched.ts';
import { VOLUME } from './alerts/volume.ts';
import { actorOf, evidenceOf, lineageKeys, peerEvidence, sumOf } from './circumstances.ts';
import type { Event } from './events/event.ts';
import type { Fact, FactKind } from './features/fact.ts';
import { underNames } from './features/facts.ts';
import { type KnownProcess, processKey } from './identity/processes.ts';
import { Rates } from './models/evidence/rates.ts';
import type { Registry } from './models/registry.ts';
import { OWN, type Role } from './situation/roles.ts';
import { MAX_TOLD, type Watched } from './watched.ts';
import { Weigh, type Weight } from './weigh.ts';

export interface VerdictsOptions {
  readonly node: string;
  readonly boot: string;
  readonly bootNs: bigint;
  readonly wallMs: number;
  readonly settings: {
    readonly minScore: number;
    readonly shadow: Pick<ReadonlySet<string>, 'has'>;
    readonly groupForMs: number;
    readonly budgetNs: bigint;
  };
  readonly registry: Registry;
  /** The names under which any container of the node knows an address. */
  readonly namesOf: (address: string, timeNs: bigint) => ReadonlySet<string>;
  readonly rules: Rules;
  readonly sink: { detection(detection: Detection): void; alert(alert: Alert): void };
}

/** When something happened; with the node's boot what ids are made from. */
export interface When {
  /** CLOCK_BOOTTIME, ns. */
  readonly timeNs: bigint;
  readonly cpu: number;
}

/** A fact or event on its way to a verdict. */
interface Case {
  readonly watched: Watched;
  readonly situation: Situation;
  readonly fact: Fact | null;
  readonly when: When;
  readonly event: Event | null;
}

/** Of the bits of a fact: where people work new things are many, and a session without a baseline is one of them. */
const DISCOUNT = { own: 1, probe: 1, setup: 0, session: 1 / 4, node: 1 / 2 } as const;
/** Of the bits while the workload is learnt: new things are many then. */
const YOUNG = 1 / 2;
const MAX_TOLD_YOUNG = 4096;
/** Detectors that speak by evidence; all others are rules, or findings about what was not seen. */
const MODELS: ReadonlySet<string> = new Set([RARITY, SEQUENCE]);
const ALERTS_FROM = rankOf('medium');
/**
 * Kinds of evidence that are counted over a window. Who is told to end does what it never did, and then less than ever: an
 * alert does not stand on that alone before the container has outlived the next window.
 */
const COUNTED: ReadonlySet<string> = new Set(['syscall', 'compat', 'pair', VOLUME, 'shape']);
/** Among the reasons for losses of the host: those of many containers. */
const OVERLOAD = 'of many';
/** Another program makes other numbers: they follow from what was done, and are no second sign of it. */
const OF_NUMBERS: ReadonlySet<string> = new Set([VOLUME, ACCESS, REPLICA, 'shape']);

export class Verdicts {
  readonly counts = { detections: 0, suppressed: 0, alerts: 0 };
  readonly weigh: Weigh;
  readonly #options: VerdictsOptions;
  readonly #groups: Groups;
  readonly #rates: Rates;
  /** Workload and rule, of workloads that were not mature. */
  readonly #toldYoung = new Set<string>();
  #anchor: { readonly bootNs: bigint; readonly wallMs: number };

  constructor(options: VerdictsOptions) {
    this.#options = options;
    this.#anchor = options;
    this.#rates = new Rates(() => options.registry.all().filter(({ workload }) => isWorkload(workload)));
    this.weigh = new Weigh({ registry: options.registry, budgetNs: options.settings.budgetNs });
    this.#groups = new Groups({
      groupForNs: BigInt(Math.round(options.settings.groupForMs)) * 1_000_000n,
      emit: (alert) => {
        this.counts.alerts += 1;
        options.sink.alert(alert);
      },
    });
  }

  get openAlerts(): number {
    return this.#groups.open;
  }

  /** One instant on both clocks: from now on it says what time it is. */
  anchor(instant: { readonly bootNs: bigint; readonly wallMs: number }): void {
    this.#anchor = { bootNs: instant.bootNs, wallMs: instant.wallMs };
  }

  /** Unix time, ms, of a time since boot. */
  wallOf(timeNs: bigint): number {
    return this.#anchor.wallMs + Number(timeNs - this.#anchor.bootNs) / 1e6;
  }

  event(
    event: Event,
    what: { watched: Watched; fact: Fact | null; lineage: readonly KnownProcess[]; role: Role },
  ): void {
    const { watched, fact, lineage, role } = what;
    const situation = this.#situation(watched, lineage, role);
    const when = { timeNs: event.time, cpu: event.cpu };
    const found = { watched, situation, fact, when, event };
    if (role.kind === 'setup' || role.kind === 'session') watched.sessions.at(role);
    if (role.kind === 'probe') watched.sessions.leave(role);
    for (const verdict of judgeByRules(this.#options.rules, event, { fact, situation }))
      this.#found(this.#onceWhileLearnt(verdict, situation), found);
    if (fact === null || role.kind === 'setup') return;
    if (role.kind === 'session') this.#sessionFact(fact, found);
    else this.#fact(fact, found);
  }

  /** A fact that came without an event: from counts or the flow map. */
  fact(watched: Watched, fact: Fact, when: When): void {
    if (watched.sessions.did(fact)) return;
    this.#fact(fact, { watched, situation: this.#situation(watched, []), fact, when, event: null });
  }

  /** The system calls of a window: each sensitive one that is new by itself, the others together. */
  calls(watched: Watched, facts: readonly Fact[], when: When): void {
    const role = watched.sessions.latest;
    if (role !== null) {
      const situation = this.#situation(watched, [], role);
      // Of the workload or of who visits it: while it is learnt both are taken in, as what it does may come only then.
      if (situation.baseline.state !== 'mature') for (const fact of facts) watched.window.fact(fact);
      for (const fact of facts) this.#sessionFact(fact, { watched, situation, fact, when, event: null });
      return;
    }
    const situation = this.#situation(watched, []);
    const ordinary: { fact: Fact; verdict: Verdict }[] = [];
    for (const fact of facts) {
      const verdict = this.#rarity(fact, watched, situation);
      if (verdict === null) continue;
      if (isSensitiveCall(fact)) this.#found(verdict, { watched, situation, fact, when, event: null });
      else ordinary.push({ fact, verdict });
      watched.flag(fact, false);
    }
    for (const kind of ['syscall', 'compat'] as const) {
      const merged = mergeCalls(ordinary.filter(({ fact }) => fact.kind === kind));
      if (merged !== null) this.#found(merged, { watched, situation, fact: null, when, event: null });
    }
  }

  /** The pairs of the window that ends which are new here, as one; none of them is learnt when they are told. */
  sequence(watched: Watched, when: When, lineageOf: (event: Event) => readonly KnownProcess[]): void {
    const { baseline, phase } = this.#situation(watched, []);
    if (!baseline.judges('pair', phase)) return;
    const unseen = watched.pairs.facts.filter((fact) => {
      const score = baseline.score(fact, phase);
      return score.state === 'scored' && score.seen === 0;
    });
    const fresh = unseen.filter((fact) => !watched.ongoing(fact));
    if (fresh.length === 0) return;
    const doers = watched.pairs
      .doers(fresh)
      .map(({ event, pairs }) => ({ event, pairs, lineage: lineageOf(event) }));
    const [first] = doers;
    const situation = this.#situation(watched, first?.lineage ?? [], watched.sessions.latest ?? undefined);
    const verdict = judgeSequence(newPairsOf(fresh, situation, doers), this.#options.settings.minScore);
    if (verdict === null) return;
    for (const fact of fresh) watched.flag(fact, false);
    this.#found(verdict, { watched, situation, fact: null, when, event: first?.event ?? null });
  }

  /** The names asked for in the window that ends; true when they are told. */
  names(watched: Watched, when: When): boolean {
    const { window, container, sessions } = watched;
    const situation = this.#situation(watched, [], sessions.latest ?? undefined);
    const { workload } = container.identity;
    const { labels } = this.#options.registry.baseline(workload);
    const loud = { loudest: window.loudestName, labels, workload, steps: stepsOf(situation) };
    const verdict = judgeNames(loud, this.#options.settings.minScore);
    if (verdict === null) return false;
    this.#found(verdict, { watched, situation, fact: null, when, event: null });
    return true;
  }

  /** What detectors of whole windows are to know of the container. While a session is at work they are its numbers as well. */
  standing(watched: Watched): { readonly steps: number; readonly share: number } {
    const situation = this.#situation(watched, [], watched.sessions.latest ?? undefined);
    return { steps: stepsOf(situation), share: DISCOUNT[situation.role.kind] || DISCOUNT.session };
  }

  /** What the window that ends came to as a whole. */
  window(watched: Watched, verdict: Verdict, when: When): void {
    const situation = this.#situation(watched, [], watched.sessions.latest ?? undefined);
    const weighed = { ...verdict, bits: verdict.bits * this.standing(watched).share };
    this.#found(weighed, { watched, situation, fact: null, when, event: null });
  }

  /**
   * Records of the window that ends were lost, `everybodys` on the node by reason; told once for a stretch of loss, and
   * when it gets another reason.
   */
  flood(watched: Watched, everybodys: Readonly<Record<string, number>>, when: When): void {
    const { lost, losses } = watched.window;
    const filled = new Set(filledBy(losses, everybodys));
    const reasons = Object.keys(losses).map((name) => (filled.has(name) ? `${name}${FILLED}` : name));
    const fresh = watched.newLosses(reasons);
    if (fresh.length === 0) return;
    const situation = this.#situation(watched, []);
    const verdict = judgeFlood({ lost, losses, fresh }, watched.container);
    this.#found(verdict, { watched, situation, fact: null, when, event: null });
  }

  /** Many containers lost records in the window that ends: a finding about the host, once for a stretch of that. */
  overload(host: Watched, losers: readonly Watched[], when: When): void {
    if (losers.length < MANY_LOSE || host.newLosses([OVERLOAD]).length === 0) return;
    const windows = losers.map(({ window }) => window);
    const lost = windows.reduce((sum, window) => sum + window.lost, 0);
    const losses = listLosses(windows.reduce((sum, window) => sumOf(sum, window.losses), {}));
    const situation = this.#situation(host, []);
    const verdict = judgeOverload(losers.length, lost, losses);
    this.#found(verdict, { watched: host, situation, fact: null, when, event: null });
  }

  /** Containers found no free slot in the window that ends; a finding about the host, in each such window. */
  unwatched(host: Watched, unwatched: Unwatched, when: When): void {
    const situation = this.#situation(host, []);
    this.#found(judgeUnwatched(unwatched), { watched: host, situation, fact: null, when, event: null });
  }

  /** The container outlived the window in which what was counted would have been enough: it was not its end. */
  outlived(watched: Watched): void {
    if (watched.waiting === null || watched.waiting.since === watched.window.startNs) return;
    const { alert, strong } = watched.waiting;
    this.#stands(watched, this.#groups.stand(alert, strong));
  }

  /** Whether an alert about the container is open. */
  isAlerted(watched: Watched): boolean {
    return this.#groups.isOpen(watched.container.id);
  }

  /** Tells what changed and closes what is over. */
  tick(now: bigint): void {
    this.#rates.clear();
    this.#groups.tick(now);
  }

  #situation(watched: Watched, lineage: readonly KnownProcess[], role: Role = OWN): Situation {
    const { container, phase } = watched;
    const baseline = this.#options.registry.baseline(container.identity.workload);
    const chance = (kind: FactKind, atLeast = 1): number =>
      this.#rates.chance(baseline, kind, phase, atLeast);
    return { container, baseline, phase, lineage, role, chance };
  }

  /** Some other workload speaks to the peer, be it by a name that the session, whose resolver is another, was not told. */
  #isElsewhere(fact: Fact, timeNs: bigint): boolean {
    const { registry, namesOf } = this.#options;
    const facts = [fact, ...underNames(fact, (address) => namesOf(address, timeNs))];
    return registry.all().some((other) => facts.some((one) => other.seen(one) > 0));
  }

  /** What a session does is compared with what sessions do on this node, once some are known; what the workload does anyway is nothing new. */
  #sessionFact(fact: Fact, found: Case): void {
    const { watched, situation } = found;
    const { role, container } = situation;
    const fresh = watched.sessions.fact(role, fact);
    if (!fresh || situation.baseline.seen(fact) > 0) return;
    const baseline = this.#options.registry.baseline(sessionsOf(container.identity.workload));
    const chance = (kind: FactKind): number => this.#rates.chance(baseline, kind, 'steady', 1);
    const compared = { ...situation, baseline, phase: 'steady', chance } as const;
    const elsewhere = fact.kind === 'connect' && this.#isElsewhere(fact, found.when.timeNs);
    const reach = judgeReach(fact, { ...situation, sessions: baseline, elsewhere });
    if (reach !== null) this.#found(reach, { ...found, fact: null });
    const known = baseline.judges(fact.kind, 'steady');
    const verdict = judgeByRarity(fact, known ? compared : situation, this.#options.settings.minScore);
    if (verdict === null) return;
    const bits = known ? verdict.bits : verdict.bits * DISCOUNT.session;
    if (fact.kind === 'folder' && !watched.maySayFolder()) this.counts.suppressed += 1;
    else this.#found({ ...verdict, bits, flags: false }, { ...found, fact: null });
  }

  /**
   * Half of what a workload does may match some rule, and while it is learnt nobody knows what of that is its habit: what
   * is no more than suspicious alerts once by each rule, and is noted from then on.
   */
  #onceWhileLearnt(verdict: Verdict, { baseline, role }: Situation): Verdict {
    const doubtful = verdict.severity === 'medium' && baseline.state !== 'mature' && role.kind !== 'session';
    if (!doubtful) return verdict;
    const key = `${baseline.workload} ${verdict.detector}`;
    if (this.#toldYoung.has(key)) {
      const reason = `${baseline.workload} is still learnt, and an alert of this rule was told of it before.`;
      return { ...verdict, severity: 'low', facts: { ...verdict.facts, lowered: reason } };
    }
    this.#toldYoung.add(key);
    const [oldest] = this.#toldYoung;
    if (this.#toldYoung.size > MAX_TOLD_YOUNG && oldest !== undefined) this.#toldYoung.delete(oldest);
    return verdict;
  }

  #fact(fact: Fact, found: Case): void {
    const { watched, situation } = found;
    const lineage = situation.lineage.map(({ pid, start }) => processKey(pid, start));
    if (watched.isTainted(lineage)) watched.flag(fact, true);
    const verdict = this.#rarity(fact, found.watched, found.situation);
    if (verdict === null) return;
    if (fact.kind !== 'folder' || found.watched.maySayFolder()) {
      this.#found(verdict, found);
    } else {
      found.watched.flag(fact, false);
      this.counts.suppressed += 1;
    }
  }

  /** A fact that was not yet seen in this window is judged by its rarity. */
  #rarity(fact: Fact, watched: Watched, situation: Situation): Verdict | null {
    if (watched.window.has(fact)) return null;
    watched.window.fact(fact);
    if (watched.ongoing(fact)) return null;
    return judgeByRarity(fact, situation, this.#options.settings.minScore);
  }

  #found(judged: Verdict, found: Case): void {
    const { watched, fact, situation } = found;
    const verdict = this.#options.settings.shadow.has(judged.detector) ? inShadow(judged) : judged;
    if (verdict.flags && fact !== null) watched.flag(fact, verdict.detector !== RARITY);
    if (verdict.withholds && situation.role.kind !== 'session') this.#withhold(found);
    const weight = this.#weigh(verdict, found);
    const counted = COUNTED.has(verdict.kind);
    const byRule = verdict.bits === 0 && !MODELS.has(verdict.detector);
    const grave = byRule && rankOf(verdict.severity) >= ALERTS_FROM;
    if (situation.role.kind === 'session' && grave) watched.sessions.strange(situation.role);
    watched.told += 1;
    if (situation.role.kind === 'setup') this.#tellSetUp(this.#finding(verdict, found), watched);
    else if (watched.told <= MAX_TOLD)
      this.#tell(this.#finding(verdict, found), watched, { grave, weight, counted });
    else this.counts.suppressed += 1;
  }

  /**
   * What comes with something that a rule knows as bad is not learnt: of a mature workload the whole window; while it is
   * learnt, when half of what there is may match some rule, only what descends from the same process.
   */
  #withhold({ watched, situation, event }: Case): void {
    const pid = event?.process.pid ?? 0;
    if (event === null || pid === 0 || situation.baseline.state === 'mature') watched.withhold();
    else watched.taint(processKey(pid, event.process.start));
  }

  /** Adds the verdict to the evidence in its container; null where it is none. */
  #weigh(verdict: Verdict, { watched, situation }: Case): Weight | null {
    const { role } = situation;
    // What people do is new too often to stand for itself: rules and session-reach say what of it is grave.
    if (role.kind === 'session') return null;
    const young = situation.baseline.state === 'mature' ? 1 : YOUNG;
    const bits = verdict.bits * young * DISCOUNT[role.kind];
    if (bits <= 0) return null;
    const { kind, detector, summary: what } = verdict;
    const cause = OF_NUMBERS.has(kind) ? 'numbers' : role.root;
    return this.weigh.add(watched, cause, { kind, bits, what, detector });
  }

  #finding(verdict: Verdict, { watched, situation, when, event }: Case): Finding {
    const origin: Origin = { node: this.#options.node, boot: this.#options.boot, ...when };
    const { detector, severity, score, summary, subject, techniques, facts, explanation, next, bits } =
      verdict;
    const { role } = situation;
    const process = event === null ? null : actorOf(event, situation.lineage);
    const detection = {
      id: idOf('det', origin, detector, `${watched.container.id} ${subject}`),
      detector,
      severity,
      score,
      timeNs: when.timeNs,
      wallMs: this.wallOf(when.timeNs),
      container: watched.container,
      process,
      summary,
      techniques,
      facts: {
        ...facts,
        ...evidenceOf(event),
        ...peerEvidence(event, watched),
        ...(role.kind === 'own' ? {} : { context: role.kind }),
        ...(role.kind === 'session' ? { session: role.root } : {}),
      },
      bits: Math.round(bits * 10) / 10,
      quality: this.#quality(watched),
    };
    const lineage = lineageKeys(situation.lineage, process);
    return { detection, explanation, next, context: role.reason, lineage, origin };
  }

  /** What the runtime does as ever is told once for each entry and rule, and belongs to no cause. */
  #tellSetUp(finding: Finding, watched: Watched): void {
    const { detector, process } = finding.detection;
    if (!watched.maySaySetUp(`${process?.parentPid} ${detector}`)) {
      this.counts.suppressed += 1;
      return;
    }
    this.counts.detections += 1;
    this.#options.sink.detection({ ...finding.detection, alert: '' });
  }

  #tell(
    finding: Finding,
    watched: Watched,
    { grave, weight, counted }: { grave: boolean; weight: Weight | null; counted: boolean },
  ): void {
    this.counts.detections += 1;
    const alert = this.#groups.alertOf(finding);
    this.#options.sink.detection({ ...finding.detection, alert });
    const enough = weight?.enough ? { ...weight, items: watched.evidence.items() } : null;
    const waits = enough !== null && counted && !grave;
    const strong = waits ? null : enough;
    if (waits) {
      watched.waiting = { alert, strong: enough, since: watched.window.startNs };
      watched.disturbed = true;
    }
    const opened = this.#groups.add(alert, finding, { grave, strong });
    if (grave || strong !== null) watched.disturbed = true;
    if (strong !== null) this.#stands(watched, opened && !grave);
  }

  #stands(watched: Watched, alarm: boolean): void {
    watched.waiting = null;
    watched.evidence.told();
    if (alarm) watched.alarms += 1;
  }

  #quality(watched: Watched): Quality {
    const { window, lostBefore, lossesBefore, completeBefore, container } = watched;
    const baseline = this.#options.registry.baseline(container.identity.workload);
    return {
      lost: window.lost + lostBefore,
      losses: sumOf(lossesBefore, window.losses),
      complete: window.complete && completeBefore,
      baseline: baseline.state,
      periods: baseline.periods,
    };
  }
}

interface PairMaker {
  readonly event: Event;
  readonly pairs: number;
  readonly lineage: readonly KnownProcess[];
}

function newPairsOf(fresh: readonly Fact[], situation: Situation, doers: readonly PairMaker[]): NewPairs {
  const { baseline, phase } = situation;
  return {
    pairs: fresh.map(({ value }) => value).toSorted(),
    phase,
    share: baseline.newness('pair', phase, fresh.length),
    chance: situation.chance('pair', fresh.length),
    most: baseline.mostNew('pair', phase),
    periods: baseline.learnt('pair', phase),
    doers: doers.map(({ event, pairs, lineage }) => ({
      exe: lineage[0]?.exe ?? '',
      pid: event.process.pid,
      pairs,
    })),
    workload: baseline.workload,
    steps: stepsOf(situation),
  };
}
