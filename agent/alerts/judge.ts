/** Verdicts on one event or fact: what the rules and the rarity model say, before anything is grouped or told. */
import type { Event } from '../events/event.ts';
import type { Fact } from '../features/fact.ts';
import { isOfRelease, isOrdinaryAction, SENSITIVE_CALLS } from '../features/release.ts';
import type { Container } from '../identity/container.ts';
import type { KnownProcess } from '../identity/processes.ts';
import type { Unknown } from '../models/detector.ts';
import type { Surprise } from '../models/rarity.ts';
import type { Role } from '../situation/roles.ts';
import { explainKnown, explainRarity, explainRule, explainTold } from './explain.ts';
import type { RuleHit, Rules } from './hit.ts';
import { eased, type Rolling } from './rollout.ts';
import { type Severity, shift } from './severity.ts';

/** What judging needs of a baseline. */
export interface BaselineView {
  readonly workload: string;
  readonly state: 'learning' | 'young' | 'mature';
  /** Facts of the kind that are known of steady life. */
  facts(kind: Fact['kind']): number;
  /** Periods learnt in which facts of the kind were looked for. */
  learnt(kind: Fact['kind'], phase: 'start' | 'steady'): number;
  score(fact: Fact, phase: 'start' | 'steady'): Surprise | Unknown;
  judges(kind: Fact['kind'], phase: 'start' | 'steady'): boolean;
  newness(kind: Fact['kind'], phase: 'start' | 'steady', atLeast: number): number;
  mostNew(kind: Fact['kind'], phase: 'start' | 'steady'): number;
  seen(fact: Fact): number;
  /** The same with what was told but not learnt before the baseline was mature. */
  seenEarly(fact: Fact): number;
  suspected(fact: Fact): number;
  /** Whether a fact of the kind is known of steady life whose value is like that. */
  knowsLike(kind: Fact['kind'], isLike: (value: string) => boolean): boolean;
}

export interface Situation {
  readonly container: Container;
  readonly baseline: BaselineView;
  readonly phase: 'start' | 'steady';
  readonly lineage: readonly KnownProcess[];
  /** Who is at work. */
  readonly role: Role;
  /** Its image is so new that new things are what a release brings; null: it is not. */
  readonly rollout: Rolling | null;
  /** Probability that a period brings so many new facts of the kind, by the baseline and by what is usual on this node. */
  readonly chance: (kind: Fact['kind'], atLeast?: number) => number;
}

export interface Verdict {
  readonly detector: string;
  readonly severity: Severity;
  readonly score: number;
  readonly summary: string;
  readonly subject: string;
  readonly techniques: readonly string[];
  readonly facts: Readonly<Record<string, string>>;
  readonly explanation: string;
  readonly next: string;
  /** The fact is not to be learnt. */
  readonly flags: boolean;
  /** Nothing of this window is to be learnt. */
  readonly withholds: boolean;
  /** Evidence against "all as ever", not yet calibrated; of a rule 0: it alerts by its severity. */
  readonly bits: number;
  /** Kind of evidence, of which the strongest counts within one cause. */
  readonly kind: string;
  /** Of what lasts over windows, its name. */
  readonly lasts?: string;
  /** It was told before and has come to more: of evidence it takes the place of that. */
  readonly again?: boolean;
  /** Of what a whole window came to, an event that shows who did it. */
  readonly event?: Event;
}

/** Name of the detector that is no rule. */
export const RARITY = 'rarity';
/** Periods in which a mature baseline must have seen a fact for a rule to be lowered. */
export const KNOWN_WELL = 5;
/** The same of periods before it was mature, when each was told. What comes every few minutes has no more of them. */
export const KNOWN_EARLY = 2;
/** People call out from shells; of a session only the peer says something. */
const SHELL_CALLS_OUT = 'shell-calls-out';
/** Starts of containers in which the same was seen, each of them told. */
export const KNOWN_STARTS = 3;

const round = (score: number): number => Math.round(score * 10_000) / 10_000;

/** Why a hit is lowered, or empty: the workload is known to do it, or it is the runtime that does. */
function lowering(rule: string, fact: Fact | null, { baseline, role, phase }: Situation): string {
  if (role.kind === 'setup') return `Lowered: ${role.reason}`;
  if (role.kind === 'session' && rule === SHELL_CALLS_OUT)
    return `Lowered: in a session it is whom it calls that counts, which session-reach tells. ${role.reason}`;
  if (fact === null) return '';
  const [seen, early] = [baseline.seen(fact), baseline.seenEarly(fact)];
  // A job that always begins so has many starts and little else.
  if (phase === 'start' && early >= KNOWN_STARTS) return explainKnown(baseline.workload, early);
  if (baseline.state !== 'mature') return early > 0 ? explainTold(baseline.workload, early) : '';
  return seen >= KNOWN_WELL || early >= KNOWN_EARLY
    ? explainKnown(baseline.workload, Math.max(seen, early))
    : '';
}

function ruleVerdict(hit: RuleHit, fact: Fact | null, situation: Situation): Verdict {
  const { rule } = hit;
  const { baseline, role } = situation;
  const seen = fact === null ? 0 : baseline.seen(fact);
  const because = lowering(rule.name, fact, situation);
  const lowered = because !== '';
  const strange = seen === 0 && role.kind !== 'setup';
  const why = explainRule(rule, hit.summary);
  return {
    detector: rule.name,
    severity: lowered ? 'info' : hit.severity,
    score: lowered ? 0.1 : hit.score,
    summary: hit.summary,
    subject: hit.subject,
    techniques: hit.techniques,
    facts: {
      ...hit.facts,
      ...(fact === null ? {} : { fact: `${fact.kind} ${fact.value}` }),
      ...(lowered ? { lowered: because } : {}),
    },
    explanation: lowered ? `${why} ${because}` : why,
    next: lowered ? '' : rule.next,
    flags: strange,
    withholds: strange,
    bits: 0,
    kind: rule.name,
  };
}

/** What the rules say of an event; `fact` is the event's fact where it has one. */
export function judgeByRules(
  rules: Rules,
  event: Event,
  { fact, situation }: { readonly fact: Fact | null; readonly situation: Situation },
): Verdict[] {
  const { container, lineage, baseline } = situation;
  const known = {
    state: baseline.state,
    get seen(): number {
      return fact === null ? 0 : baseline.seen(fact);
    },
  };
  return rules.hits(event, { container, lineage, known }).map((hit) => ruleVerdict(hit, fact, situation));
}

const TITLES: Readonly<Record<Fact['kind'], string>> = {
  exec: 'a program never started here before',
  file: 'a watched file never opened here before',
  connect: 'a peer never connected to before',
  accept: 'a port never accepted on before',
  syscall: 'a system call never made here before',
  action: 'something never done here before',
  pair: 'system calls never made here one after the other',
  compat: 'a 32-bit system call never made here before',
  folder: 'a folder never opened here before',
  library: 'a library never loaded here before',
  capability: 'a capability never used here before',
  listen: 'a port never listened on before',
  name: 'a name never asked for before',
};

/** What a program does with 32-bit calls says little once it is known to make them. */
const isOrdinary = ({ kind, value }: Fact, baseline: BaselineView): boolean =>
  (kind === 'compat' && baseline.facts('compat') > 0) ||
  (kind === 'folder' && value.startsWith('r ')) ||
  (kind === 'syscall' && !SENSITIVE_CALLS.has(value)) ||
  (kind === 'action' && isOrdinaryAction(value));

/** What is new weighs less where little is known yet, and on the host, where people work. */
export const stepsOf = ({ container, baseline }: Situation): number =>
  (baseline.state === 'mature' ? 0 : -1) + (container.kind === 'host' ? -1 : 0);

/**
 * How much more than its rarity a new fact says, a prior of ours that is not learnt. A program, a secret and a peer are what
 * an intruder cannot do without and a service seldom changes; what is only read and now written says more than either. A port that is
 * connected to is the peer's doing. What is too bold is taken off by history (models/evidence/tail.ts).
 */
const WEIGHTS: Readonly<Partial<Record<Fact['kind'], number>>> = {
  exec: 2,
  file: 3,
  connect: 3,
  accept: 1 / 4,
  capability: 1 / 2,
};
/** A folder that the workload has only ever read, as content, code and settings are, and now writes to. */
const READ_ONLY = 3;
const WRITTEN_FILE = /^\S+ w /;
/** A door that was found shut: many of them are what rules count. */
const SHUT = 1 / 2;
const FAILED_OPEN = /^[^ ]+ open-failed(?: |$)/;
/** Whom it meets on its own loopback is in its own pod. */
const NEAR = 1 / 4;
export const LOOPBACK = /^(?:udp\/)?(?:127\.|::1:|\[::1\])/;
/** A peer on a port that the workload never called either. */
const FAR = 4;

/** What people do is new more often than what a service does: it says what its rarity says. */
function weightOf({ kind, value }: Fact, { baseline, role }: Situation): number {
  if (role.kind === 'session') return Math.min(1, WEIGHTS[kind] ?? 1);
  if (kind === 'folder' && value.startsWith('w '))
    return baseline.seen({ kind, value: `r ${value.slice(2)}` }) > 0 ? READ_ONLY : 1;
  // A secret is read. Who writes its own log or setting anew does what rules tell, where it is tampering.
  if (kind === 'file' && WRITTEN_FILE.test(value)) return 1;
  if (kind === 'connect' && LOOPBACK.test(value)) return NEAR;
  if (kind === 'action' && FAILED_OPEN.test(value)) return SHUT;
  const port = value.slice(value.lastIndexOf(':'));
  if (kind === 'connect' && !baseline.knowsLike('connect', (known) => known.endsWith(port))) return FAR;
  return WEIGHTS[kind] ?? 1;
}

/** What a release may bring is judged by how much of it this one brings. */
function chanceOf(fact: Fact, { chance, rollout, phase }: Situation): number {
  const usual = chance(fact.kind);
  return rollout === null || !isOfRelease(fact) ? usual : Math.max(usual, rollout.chance(fact.kind, phase));
}

/** Of what was told before and came back, each return says less: it is not learnt, but no longer unheard of. */
function bitsOf(fact: Fact, situation: Situation): number {
  const { baseline } = situation;
  const surprise = -Math.log2(chanceOf(fact, situation));
  // Who broke in comes back to the same peer and the same secret: that is no habit of the workload.
  if (fact.kind === 'connect' || fact.kind === 'file') return weightOf(fact, situation) * surprise;
  return (weightOf(fact, situation) * surprise) / (1 + baseline.suspected(fact));
}

/** What the rarity model says of a fact: a verdict when it is new here and new things are rare enough. */
export function judgeByRarity(fact: Fact, situation: Situation, minScore: number): Verdict | null {
  const { baseline, phase } = situation;
  const scored = baseline.score(fact, phase);
  if (scored.state === 'unknown' || scored.seen > 0 || scored.score < minScore) return null;
  const verdict: Verdict = {
    detector: RARITY,
    severity: shift(isOrdinary(fact, situation.baseline) ? 'low' : 'medium', stepsOf(situation)),
    score: round(scored.score),
    summary: `${TITLES[fact.kind]}: ${fact.value}`,
    subject: `${fact.kind} ${fact.value}`,
    techniques: [],
    facts: { fact: `${fact.kind} ${fact.value}`, periods: String(scored.periods) },
    explanation: explainRarity(fact, scored, {
      workload: baseline.workload,
      suspected: baseline.suspected(fact),
      start: phase === 'start',
      trust: scored.trust ?? null,
    }),
    next: '',
    flags: true,
    withholds: false,
    bits: (1 - (scored.trust ?? 0)) * bitsOf(fact, situation),
    kind: fact.kind,
  };
  return isOfRelease(fact) ? eased(verdict, situation.rollout) : verdict;
}

/** Whether a new call is told by itself; ordinary ones come by the dozen when any other program runs. */
export const isSensitiveCall = (fact: Fact): boolean => SENSITIVE_CALLS.has(fact.value);

/** Verdicts on ordinary calls of one window and kind as one, named in the order of their names; null when there are none. */
export function mergeCalls(
  verdicts: readonly { readonly fact: Fact; readonly verdict: Verdict }[],
): Verdict | null {
  const [first] = verdicts;
  if (first === undefined || verdicts.length === 1) return first?.verdict ?? null;
  const names = verdicts
    .map(({ fact }) => fact.value)
    .toSorted()
    .join(', ');
  return {
    ...first.verdict,
    summary: `${verdicts.length} ${first.fact.kind === 'compat' ? '32-bit ' : ''}system calls never made here before: ${names}`,
    subject: `${first.fact.kind} ${names}`,
    facts: { ...first.verdict.facts, fact: `${first.fact.kind} ${names}` },
    explanation: first.verdict.explanation.replace(`"${first.fact.value}"`, `"${names}"`),
  };
}
