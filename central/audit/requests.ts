/**
 * Events to requests. A request has an event for each of its stages, and comes again when its batch is sent again. `kubectl
 * exec` asks twice when the first way fails (a `get` that becomes a websocket, then a `create`): one action of a person.
 */
import { type AuditEvent, outcomeOf } from './event.ts';

/** Ids kept, so that no stage counts twice; at 200 requests a second about three minutes. */
const IDS = 32_768;
/** Actions kept for a second try, and how long one may take, ms: kubectl tries again at once. */
const ACTIONS = 1024;
const AGAIN_MS = 10_000;

/** What enters a pod or opens a way to one. */
export const ENTRIES = ['exec', 'attach', 'portforward', 'ephemeralcontainers'] as const;
export type EntryKind = (typeof ENTRIES)[number];

/** Which way into a pod it asks for, or null. */
export function entryKindOf({ resource, subresource, verb }: AuditEvent): EntryKind | null {
  if (resource !== 'pods') return null;
  const kind = ENTRIES.find((one) => one === subresource) ?? null;
  return kind === 'ephemeralcontainers' && !/^(update|patch)$/.test(verb) ? null : kind;
}

const actionKey = (event: AuditEvent): string =>
  JSON.stringify([
    event.impersonated ?? event.user,
    event.namespace,
    event.name,
    event.subresource,
    event.container,
    event.command,
  ]);

export type Seen = 'first' | 'early' | 'stage' | 'again';

export class Requests {
  readonly #ids = new Set<string>();
  readonly #actions = new Map<string, { ms: number; done: boolean }>();

  /**
   * first: to be judged. early: nothing is known of what came of it yet. stage: an event of this request was judged before.
   * again: the same action asked another way, or told by admission and by audit.
   */
  note(event: AuditEvent, ms: number): Seen {
    if (event.stage === 'RequestReceived') return 'early';
    if (event.id !== '' && this.#ids.has(event.id)) return 'stage';
    if (event.id !== '') this.#keep(event.id);
    return entryKindOf(event) === null ? 'first' : this.#action(event, ms);
  }

  #keep(id: string): void {
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > IDS && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** A second try counts when it is done and the first was not. */
  #action(event: AuditEvent, ms: number): Seen {
    const key = actionKey(event);
    const done = outcomeOf(event) === 'done';
    const before = this.#actions.get(key);
    const again = before !== undefined && Math.abs(ms - before.ms) <= AGAIN_MS;
    this.#actions.delete(key);
    this.#actions.set(key, { ms: again ? before.ms : ms, done: done || (again && before.done) });
    const [oldest] = this.#actions.keys();
    if (this.#actions.size > ACTIONS && oldest !== undefined) this.#actions.delete(oldest);
    return again && (before.done || !done) ? 'again' : 'first';
  }
}
