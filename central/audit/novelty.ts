/**
 * Requests that nobody of the kind has made before: a tuple of who (generalised), what is done, and to what. New tuples
 * come in crowds whenever something is installed, so one counts only while new ones are rare: the share of new tuples among
 * the last requests is estimated as (U + 1/2)/(N + 1) (the Krichevsky-Trofimov estimator) from counts that decay. What is
 * risky by itself passes that gate. All that is told within a minute is one group.
 */
import { type AuditEvent, outcomeOf } from './event.ts';
import { riskOf } from './risk.ts';

export interface NoveltyOptions {
  /** Requests after which a count has half its weight. */
  readonly halfLife: number;
  /** Bits from which a new tuple is told. */
  readonly bits: number;
  /** Risk from which a new tuple is told whatever else is new. */
  readonly risk: number;
  /** Length of a group, ms. */
  readonly groupMs: number;
  /** Tuples kept; the one not seen for longest leaves. */
  readonly limit: number;
}

export const NOVELTY: NoveltyOptions = { halfLife: 5000, bits: 5, risk: 0.6, groupMs: 60_000, limit: 65_536 };

/** Names that controllers make up: hashes, ordinals, ids. */
const MADE_UP = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID'],
  [/-[0-9a-f]{8,10}-[a-z0-9]{5}\b/g, '-HASH'],
  [/-[bcdfghjklmnpqrstvwxz2456789]{5,10}\b/g, '-HASH'],
  [/\d+/g, 'N'],
] as const;

export const generalName = (name: string): string =>
  MADE_UP.reduce((text, [pattern, by]) => text.replace(pattern, by), name);

const VERBS: Readonly<Record<string, string>> = {
  get: 'read',
  list: 'read',
  watch: 'read',
  head: 'read',
  update: 'change',
  patch: 'change',
  apply: 'change',
  deletecollection: 'delete',
};

/** Nodes do the same work each under its own name. */
const whoOf = (user: string): string =>
  user
    .replace(/^system:node:.*/, 'system:node:NODE')
    .replace(/^(system:serviceaccount:)(.*)$/, (_, head, name) => `${head}${generalName(name)}`);

export function tupleOf(event: AuditEvent): string {
  const { user, verb, apiGroup, resource, subresource } = event;
  const what = VERBS[verb] ?? verb;
  // Everybody asks which resources there are; the URLs differ with each version.
  if (resource === '') return `${whoOf(user)} ${what} discovery`;
  const target = `${apiGroup}/${resource}${subresource === '' ? '' : `/${subresource}`}`;
  return `${whoOf(user)} ${what} ${target}${outcomeOf(event) === 'refused' ? ' refused' : ''}`;
}

export interface Told {
  readonly tuple: string;
  readonly bits: number;
  readonly risk: number;
  /** Begins a group, or joins the one of this minute. */
  readonly begins: boolean;
}

export class Novelty {
  readonly #options: NoveltyOptions;
  readonly #seen = new Map<string, number>();
  #events = 0;
  #fresh = 0;
  #group = Number.NEGATIVE_INFINITY;

  constructor(options: NoveltyOptions = NOVELTY) {
    this.#options = options;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** How surprising a tuple is that was never seen, bits. */
  get surprise(): number {
    return -Math.log2((this.#fresh + 0.5) / (this.#events + 1));
  }

  isNew(event: AuditEvent): boolean {
    return !this.#seen.has(tupleOf(event));
  }

  /** Learns one request, at `time` in ms. @returns what is told of it, or null. */
  learn(event: AuditEvent, time: number): Told | null {
    const tuple = tupleOf(event);
    const fresh = !this.#seen.has(tuple);
    const bits = fresh ? this.surprise : 0;
    this.#count(tuple, fresh);
    if (!fresh) return null;
    const { risk: least, bits: enough, groupMs } = this.#options;
    const risk = riskOf(event).score;
    if (bits < enough && risk < least) return null;
    const begins = time - this.#group >= groupMs;
    if (begins) this.#group = time;
    return { tuple, bits, risk, begins };
  }

  #count(tuple: string, fresh: boolean): void {
    const keep = 0.5 ** (1 / this.#options.halfLife);
    this.#events = this.#events * keep + 1;
    this.#fresh = this.#fresh * keep + Number(fresh);
    this.#seen.delete(tuple);
    this.#seen.set(tuple, 1);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > this.#options.limit && oldest !== undefined) this.#seen.delete(oldest);
  }
}
