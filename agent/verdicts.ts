/** From an event or a fact to verdicts: rules and rarity are asked, of the workload and of who visits it. */
import { ACCESS } from './alerts/access.ts';
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
import { eased, judgeChange, judgeReturn, shareOfRollout } from './alerts/rollout.ts';
import { judgeSequence, type NewPairs } from './alerts/sequence.ts';
import { judgeReach, sessionsOf } from './alerts/session.ts';
import type { Case, Situations, When } from './case.ts';
import type { Costs } from './costs.ts';
import type { Event } from './events/event.ts';
import type { Fact, FactKind } from './features/fact.ts';
import { addressOf, isOutside, nameOf, underNames } from './features/facts.ts';
import { type KnownProcess, processKey } from './identity/processes.ts';
import type { Baseline } from './models/baseline.ts';
import type { Changes } from './models/inheritance.ts';
import type { Registry } from './models/registry.ts';
import type { Role } from './situation/roles.ts';
import type { Telling } from './telling.ts';
import type { Watched } from './watched.ts';
import { DISCOUNT } from './weigh.ts';

export interface VerdictsOptions {
  readonly minScore: number;
  readonly registry: Registry;
  readonly situations: Situations;
  readonly telling: Telling;
  /** The names under which any container of the node knows an address. */
  readonly namesOf: (address: string, timeNs: bigint) => ReadonlySet<string>;
  readonly rules: Rules;
  readonly costs: Costs;
  /** Whether it says something of others that the workload does a thing. */
  readonly vouches: (baseline: Baseline) => boolean;
}

const MAX_TOLD_YOUNG = 4096;

type LineageOf = (event: Event) => readonly KnownProcess[];

export class Verdicts {
  readonly #options: VerdictsOptions;
  readonly #situations: Situations;
  readonly #telling: Telling;
  /** Workload and rule, of workloads that were not mature. */
  readonly #toldYoung = new Set<string>();

  constructor(options: VerdictsOptions) {
    this.#options = options;
    this.#situations = options.situations;
    this.#telling = options.telling;
  }

  event(
    event: Event,
    what: { watched: Watched; fact: Fact | null; lineage: readonly KnownProcess[]; role: Role },
  ): void {
    const { watched, fact, lineage, role } = what;
    const situation = this.#situations.of(watched, lineage, role);
    const when = { timeNs: event.time, cpu: event.cpu };
    const found = { watched, situation, fact, when, event };
    if (role.kind === 'setup' || role.kind === 'session') watched.sessions.at(role);
    if (role.kind === 'probe') watched.sessions.leave(role);
    const { rules, costs } = this.#options;
    for (const verdict of costs.each('rule', () => judgeByRules(rules, event, { fact, situation })))
      this.#telling.found(this.#onceWhileLearnt(verdict, situation), found);
    if (fact === null || role.kind === 'setup') return;
    if (role.kind === 'session') this.#sessionFact(fact, found);
    else this.#fact(fact, found);
  }

  /** A fact that came without an event: from counts or the flow map. */
  fact(watched: Watched, fact: Fact, when: When): void {
    if (watched.sessions.did(fact)) return;
    this.#fact(fact, { watched, situation: this.#situations.of(watched), fact, when, event: null });
  }

  /** The system calls of a window: each sensitive one that is new by itself, the others together. */
  calls(watched: Watched, facts: readonly Fact[], when: When): void {
    const role = watched.sessions.latest;
    if (role !== null) {
      const situation = this.#situations.of(watched, [], role);
      // Of the workload or of who visits it: while it is learnt both are taken in, as what it does may come only then.
      if (situation.baseline.state !== 'mature') for (const fact of facts) watched.window.fact(fact);
      for (const fact of facts) this.#sessionFact(fact, { watched, situation, fact, when, event: null });
      return;
    }
    const situation = this.#situations.of(watched);
    const ordinary: { fact: Fact; verdict: Verdict }[] = [];
    for (const fact of facts) {
      const verdict = this.#rarity(fact, watched, situation);
      if (verdict === null) continue;
      if (isSensitiveCall(fact))
        this.#telling.found(verdict, { watched, situation, fact, when, event: null });
      else ordinary.push({ fact, verdict });
      watched.flag(fact, false);
    }
    for (const kind of ['syscall', 'compat'] as const) {
      const merged = mergeCalls(ordinary.filter(({ fact }) => fact.kind === kind));
      if (merged !== null) this.#telling.found(merged, { watched, situation, fact: null, when, event: null });
    }
  }

  /** The pairs of the window that ends which are new here, as one; none of them is learnt when they are told. */
  sequence(watched: Watched, when: When, lineageOf: LineageOf): void {
    const { baseline, phase } = this.#situations.of(watched);
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
    const situation = this.#situations.of(
      watched,
      first?.lineage ?? [],
      watched.sessions.latest ?? undefined,
    );
    const verdict = judgeSequence(newPairsOf(fresh, situation, doers), this.#options.minScore);
    if (verdict === null) return;
    for (const fact of fresh) watched.flag(fact, false);
    const event = first?.event ?? null;
    this.#telling.found(eased(verdict, situation.rollout), { watched, situation, fact: null, when, event });
  }

  /** The names asked for in the window that ends; true when they are told. */
  names(watched: Watched, when: When): boolean {
    const { window, container, sessions } = watched;
    const situation = this.#situations.of(watched, [], sessions.latest ?? undefined);
    const { workload } = container.identity;
    const { labels } = this.#options.registry.baseline(workload);
    const loud = { loudest: window.loudestName, labels, workload, steps: stepsOf(situation) };
    const verdict = judgeNames(loud, this.#options.minScore);
    if (verdict === null) return false;
    this.#telling.found(verdict, { watched, situation, fact: null, when, event: null });
    return true;
  }

  /** What detectors of whole windows are to know of the container. While a session is at work they are its numbers as well. */
  standing(watched: Watched, kind = ''): { readonly steps: number; readonly share: number } {
    const situation = this.#situations.of(watched, [], roleOfWindow(watched, kind));
    const share = DISCOUNT[situation.role.kind] || DISCOUNT.session;
    return { steps: stepsOf(situation), share: share * shareOfRollout(situation.rollout) };
  }

  /** What a version changed; about the container whose window showed it. */
  change(watched: Watched, change: Changes, when: When): void {
    const situation = this.#situations.of(watched);
    const verdict = judgeChange(change, situation.baseline.workload);
    this.#telling.found(verdict, { watched, situation, fact: null, when, event: null });
  }

  /** A version is in force again. */
  returned(watched: Watched, { from, periods }: { from: string; periods: number }, when: When): void {
    const situation = this.#situations.of(watched);
    const { workload } = situation.baseline;
    const verdict = judgeReturn(from, watched.container.identity.imageDigest, { workload, periods });
    this.#telling.found(verdict, { watched, situation, fact: null, when, event: null });
  }

  /** What the window that ends came to as a whole. */
  window(watched: Watched, verdict: Verdict, when: When, lineageOf: LineageOf): void {
    const { event = null } = verdict;
    const lineage = event === null ? [] : lineageOf(event);
    const situation = this.#situations.of(watched, lineage, roleOfWindow(watched, verdict.kind));
    const weighed = { ...verdict, bits: verdict.bits * this.standing(watched, verdict.kind).share };
    this.#telling.found(eased(weighed, situation.rollout), { watched, situation, fact: null, when, event });
  }

  /** Some other workload speaks to the peer, be it by a name that the session, whose resolver is another, was not told. */
  isElsewhere(fact: Fact, timeNs: bigint): boolean {
    const { registry, namesOf } = this.#options;
    const facts = [fact, ...underNames(fact, (address) => namesOf(address, timeNs))];
    return registry
      .all()
      .some((other) => this.#options.vouches(other) && facts.some((one) => other.seen(one) > 0));
  }

  /** What a session does is compared with what sessions do on this node, once some are known; what the workload does anyway is nothing new. */
  #sessionFact(fact: Fact, found: Case): void {
    const { watched, situation } = found;
    const { role, container } = situation;
    const fresh = watched.sessions.fact(role, fact);
    if (!fresh || situation.baseline.seen(fact) > 0) return;
    const baseline = this.#options.registry.baseline(sessionsOf(container.identity.workload));
    const chance = (kind: FactKind): number => this.#situations.rates.chance(baseline, kind, 'steady', 1);
    const compared = { ...situation, baseline, phase: 'steady', chance } as const;
    const reach = this.#reach(fact, found, baseline);
    if (reach !== null) this.#telling.found(reach, { ...found, fact: null });
    const known = baseline.judges(fact.kind, 'steady');
    const verdict = judgeByRarity(fact, known ? compared : situation, this.#options.minScore);
    if (verdict === null) return;
    const bits = known ? verdict.bits : verdict.bits * DISCOUNT.session;
    if (fact.kind === 'folder' && !watched.maySayFolder()) this.#telling.suppress();
    else this.#telling.found({ ...verdict, bits, flags: false }, { ...found, fact: null });
  }

  #reach(fact: Fact, { watched, situation, when, event }: Case, sessions: Baseline): Verdict | null {
    if (fact.kind !== 'connect') return null;
    const elsewhere = this.isElsewhere(fact, when.timeNs);
    const address = event?.kind === 'flow' ? event.peer : addressOf(fact);
    const told = address === null ? null : watched.visitorsNames.told(address, when.timeNs);
    const name = nameOf(fact) ?? told;
    const named = name !== null && isOutside(address, name);
    return judgeReach(fact, { ...situation, sessions, elsewhere, named });
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
      this.#telling.found(verdict, found);
    } else {
      found.watched.flag(fact, false);
      this.#telling.suppress();
    }
  }

  /** A fact that was not yet seen in this window is judged by its rarity. */
  #rarity(fact: Fact, watched: Watched, situation: Situation): Verdict | null {
    if (watched.window.has(fact)) return null;
    watched.window.fact(fact);
    if (watched.ongoing(fact)) return null;
    const { minScore, costs } = this.#options;
    return costs.each(RARITY, () => judgeByRarity(fact, situation, minScore));
  }
}

/** Whose the window is. A runtime that sets something up, as each probe of a kubelet has it do, makes calls, and knocks at no door. */
function roleOfWindow({ sessions }: Watched, kind: string): Role | undefined {
  const { latest } = sessions;
  return latest === null || (latest.kind === 'setup' && kind === ACCESS) ? undefined : latest;
}

interface PairMaker {
  readonly event: Event;
  readonly pairs: number;
  readonly lineage: readonly KnownProcess[];
}

function newPairsOf(fresh: readonly Fact[], situation: Situation, doers: readonly PairMaker[]): NewPairs {
  const { baseline, phase, rollout } = situation;
  const chance = situation.chance('pair', fresh.length);
  return {
    pairs: fresh.map(({ value }) => value).toSorted(),
    phase,
    share: baseline.newness('pair', phase, fresh.length),
    chance: rollout === null ? chance : Math.max(chance, rollout.chance('pair', phase)),
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
