/**
 * What says something by its number: refusals, logins that fail, questions about one's own rights, deletions. Each thing
 * counts once, so that a controller that asks the same again and again is one.
 */
import type { Actor } from './actor.ts';
import { isDelete } from './capability.ts';
import { type AuditEvent, outcomeOf } from './event.ts';
import { deedOf, generalName } from './names.ts';
import { peerOf } from './observe.ts';

interface Burst {
  readonly name: string;
  readonly technique: string;
  readonly sentence: string;
  readonly score: number;
  /** So many different things within the window. */
  readonly from: number;
  /** Who is counted, or null: it is none of this. */
  keyOf(event: AuditEvent, actor: Actor): string | null;
  thingOf(event: AuditEvent): string;
}

const WINDOW_MS = 300_000;
/** Counted at one time; the one that was at work least lately leaves. */
const LIMIT = 2048;
/** Things remembered of each. */
const THINGS = 64;

const thing = (event: AuditEvent): string => `${deedOf(event)} ${event.namespace}/${event.name}`;
const OWNED =
  /^(deployments|statefulsets|daemonsets|services|secrets|configmaps|persistentvolumeclaims|namespaces|cronjobs|jobs|roles|clusterroles|rolebindings|clusterrolebindings|serviceaccounts|ingresses)$/;

export const BURSTS: readonly Burst[] = [
  {
    // A program that lacks a right asks for one or two things again and again; who looks around asks for many.
    name: 'refusals',
    technique: 'T1613',
    sentence: 'was refused many different things within five minutes',
    score: 0.65,
    from: 6,
    keyOf: (event, { who, kind }) =>
      outcomeOf(event) === 'refused' && event.code !== 401 && kind !== 'cluster' && kind !== 'node'
        ? who
        : null,
    thingOf: (event) => `${deedOf(event)} ${generalName(event.namespace)}`,
  },
  {
    // Five wrong passwords in five minutes is where most systems lock an account.
    name: 'failed-logins',
    technique: 'T1110',
    sentence: 'failed to log in again and again within five minutes',
    score: 0.6,
    from: 10,
    keyOf: (event) => (event.code === 401 ? `from ${peerOf(event)}` : null),
    thingOf: (event) => event.id || `${event.time} ${event.uri}`,
  },
  {
    name: 'rights-probed',
    technique: 'T1069',
    sentence: 'asked of many things whether it may do them within five minutes',
    score: 0.6,
    from: 10,
    keyOf: (event, { who, kind }) =>
      /^selfsubject(access|rules)reviews$/.test(event.resource) && kind !== 'cluster' ? who : null,
    thingOf: (event) => JSON.stringify(event.object ?? event.id),
  },
  {
    // Operators ask for one that is optional, and for the same again; names are guessed from a list, or one through all namespaces.
    name: 'secrets-guessed',
    technique: 'T1552.007',
    sentence: 'asked for many secrets that are not there within five minutes',
    score: 0.65,
    from: 10,
    keyOf: (event, { who, kind }) =>
      event.resource === 'secrets' && event.verb === 'get' && event.code === 404 && kind !== 'cluster'
        ? who
        : null,
    thingOf: (event) => `${event.namespace}/${generalName(event.name)}`,
  },
  {
    // Programs watch, or list all namespaces at once; who goes from one to the next looks for what is in them.
    name: 'secrets-gathered',
    technique: 'T1552.007',
    sentence: 'listed the secrets of several namespaces one after the other within five minutes',
    score: 0.65,
    from: 4,
    keyOf: (event, { who, kind }) =>
      event.resource === 'secrets' && event.verb === 'list' && event.namespace !== '' && kind !== 'cluster'
        ? who
        : null,
    thingOf: (event) => event.namespace,
  },
  {
    name: 'deletions',
    technique: 'T1485',
    sentence: 'deleted many objects within five minutes',
    score: 0.65,
    from: 12,
    keyOf: (event, { who, kind }) =>
      isDelete(event) && OWNED.test(event.resource) && outcomeOf(event) === 'done' && kind !== 'cluster'
        ? `${who} ${generalName(event.namespace)}`
        : null,
    thingOf: thing,
  },
];

export class Bursts {
  readonly #counts = new Map<string, Map<string, number>>();

  /** Those that this request completes. */
  note(event: AuditEvent, actor: Actor, ms: number): { burst: Burst; key: string }[] {
    return BURSTS.flatMap((burst) => {
      const key = burst.keyOf(event, actor);
      return key !== null && this.#completes(`${burst.name} ${key}`, burst, event, ms)
        ? [{ burst, key }]
        : [];
    });
  }

  #completes(key: string, burst: Burst, event: AuditEvent, ms: number): boolean {
    const things = this.#counts.get(key) ?? new Map<string, number>();
    for (const [name, at] of things) if (ms - at > WINDOW_MS) things.delete(name);
    const name = burst.thingOf(event);
    const fresh = !things.has(name);
    if (things.size < THINGS || !fresh) things.set(name, ms);
    this.#counts.delete(key);
    this.#counts.set(key, things);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > LIMIT && oldest !== undefined) this.#counts.delete(oldest);
    return fresh && things.size === burst.from;
  }
}
