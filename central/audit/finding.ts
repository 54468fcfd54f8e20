/**
 * What is told of one request: what it gives (risk), how unlike its identity's habits it is, and bursts that it completes. A
 * fact is told once: who installs the same again, asks nothing that was not told.
 */
import type { Actor } from './actor.ts';
import type { Bursts } from './bursts.ts';
import { type AuditEvent, outcomeOf } from './event.ts';
import type { FactKind, Habit, Habits } from './habits.ts';
import { generalName } from './names.ts';
import { observationsOf } from './observe.ts';
import { listOf, objectOf, tame, textOf } from './plain.ts';
import { riskOf } from './risk.ts';

export interface Finding {
  readonly event: AuditEvent;
  readonly actor: Actor;
  readonly ms: number;
  /** Of the detector, behind `api-`. */
  readonly name: string;
  readonly score: number;
  readonly techniques: readonly string[];
  /** Goes on from the identity's name. */
  readonly sentence: string;
  /** What else there is to say, sentences. */
  readonly reasons: readonly string[];
  /** Told because it is unlike the habits, not because of what it gives. */
  readonly byHabit: boolean;
}

/** Of what is unlike the habits, how much each kind weighs when it is as rare as can be. */
const WEIGHTS: Readonly<Record<FactKind, number>> = {
  deed: 0.3,
  place: 0.15,
  agent: 0.35,
  network: 0.35,
  hour: 0.1,
  image: 0.2,
  told: 0,
};
/** As rare as can be: one in a thousand. Below one in eight it is the ordinary course of things. */
const BITS = { full: 10, least: 3 };
/** Facts from which an identity is known; before, that it is new is one thing and not five. */
const KNOWN_FACTS = 6;
/** The cluster's own controllers make what others asked for. */
const CONTROLLER = 0.3;
const TOLD = { risk: 0.5, support: 0.3, score: 0.5, strange: 0.5 };

const SAYS: Readonly<Record<FactKind, (habit: Habit) => string>> = {
  deed: ({ value }) => `never did this before (${value})`,
  place: ({ value }) => `was never at work there before (${value})`,
  agent: ({ value }) => `never used this program before (${value})`,
  network: ({ value }) => `never called from there before (${value})`,
  hour: ({ value }) => `was never at work at this hour before (${value} h UTC)`,
  image: ({ who, value }) => `brings an image that ${who} did not have before (${value})`,
  told: () => '',
};

interface Strange {
  readonly score: number;
  readonly reasons: readonly string[];
  /** The program and the network, where they are not what its identity calls with. */
  readonly caller: string;
}

/** Learns what the request shows, and says how strange that was. */
function strangeness(event: AuditEvent, actor: Actor, ms: number, habits: Habits): Strange {
  const known = habits.sizeOf(actor.who) >= KNOWN_FACTS;
  const found = observationsOf(event, actor, ms).map((habit) => {
    const bits = habits.learn(habit, ms);
    const share = bits < BITS.least ? 0 : Math.min(1, bits / BITS.full);
    return { habit, weight: WEIGHTS[habit.kind] * share };
  });
  const fresh = found.filter(({ weight }) => weight > 0).toSorted((a, b) => b.weight - a.weight);
  const weights = fresh.map(({ weight }) => weight);
  const whole = known
    ? 1 - weights.reduce((rest, weight) => rest * (1 - weight), 1)
    : Math.max(0, ...weights);
  const score = whole * (actor.kind === 'cluster' || actor.kind === 'node' ? CONTROLLER : 1);
  const caller = fresh.filter(({ habit: { kind } }) => kind === 'agent' || kind === 'network');
  return {
    score,
    reasons: fresh.map(({ habit }) => SAYS[habit.kind](habit)),
    caller: caller.map(({ habit }) => habit.value).join(' '),
  };
}

/** What of the object makes two requests different things: who gets which role, which image, what command. */
function detailOf(event: AuditEvent): string {
  const object = objectOf(event.object);
  const subjects = listOf(object['subjects']).map((subject) => textOf(objectOf(subject)['name']));
  const role = textOf(objectOf(object['roleRef'])['name']);
  const words = [event.subresource, role, ...subjects, event.command[0] ?? ''];
  return tame(generalName(words.join(' ').trim()), 256);
}

/**
 * Once for each identity, thing and outcome, and again when another program or network than its own does the same: what an
 * operator does all day is not what its token does elsewhere. @returns whether it was told before.
 */
function isTold(finding: Finding, habits: Habits, of: string, caller = ''): boolean {
  const { actor, name, event, ms } = finding;
  const refused = outcomeOf(event) === 'done' ? '' : ' refused';
  const value = `${name} ${of}${refused}`;
  const ways = caller === '' ? [value] : [value, `${value} by ${caller}`];
  const told: readonly Habit[] = ways.map((way) => ({ kind: 'told', who: actor.who, value: way }));
  const all = told.every((habit) => habits.has(habit));
  for (const habit of told) habits.learn(habit, ms);
  return all;
}

function bySubstance(event: AuditEvent, actor: Actor, ms: number, strange: Strange): Finding | null {
  const { score: risk, parts } = riskOf(event);
  const score = 1 - (1 - risk) * (1 - strange.score);
  const enough = risk >= TOLD.risk || (risk >= TOLD.support && score >= TOLD.score);
  const [first, ...others] = parts;
  if (first !== undefined && enough)
    return {
      ...{ event, actor, ms, score, name: first.name, sentence: first.sentence, byHabit: false },
      techniques: [
        ...new Set(parts.filter(({ grade }) => grade >= TOLD.support).map(({ technique }) => technique)),
      ],
      reasons: [...others.map(({ sentence }) => sentence), ...strange.reasons],
    };
  if (strange.score < TOLD.strange) return null;
  const sentence = 'did something unlike everything it did before';
  return {
    ...{ event, actor, ms, score: strange.score, name: 'unusual', sentence, byHabit: true },
    techniques: ['T1078'],
    reasons: strange.reasons,
  };
}

/** Learns one request. @returns what is told of it. */
export function judge(
  event: AuditEvent,
  { actor, ms, habits, bursts }: { actor: Actor; ms: number; habits: Habits; bursts: Bursts },
): Finding[] {
  const strange = strangeness(event, actor, ms, habits);
  const found: Finding[] = [];
  const substance = bySubstance(event, actor, ms, strange);
  const place = generalName(`${event.namespace}/${event.name}`);
  const thing = `${place} ${detailOf(event)}`;
  if (substance !== null && !isTold(substance, habits, thing, strange.caller)) found.push(substance);
  for (const { burst, key } of bursts.note(event, actor, ms)) {
    const { name, score, sentence, technique } = burst;
    const finding = {
      event,
      actor,
      ms,
      name,
      score,
      sentence,
      techniques: [technique],
      reasons: [],
      byHabit: false,
    };
    if (!isTold(finding, habits, key)) found.push(finding);
  }
  return found;
}
