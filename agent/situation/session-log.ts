/** What sessions do in one container: kept apart from what the workload does, and learnt as the life of sessions. */
import type { Fact } from '../features/fact.ts';
import type { Role } from './roles.ts';

/** A session's facts go on being its own for so many windows: a flow that it opened is read again in later ones. */
const KEPT_WINDOWS = 3;
/** Facts kept per container; what is above is not learnt. */
const MAX_FACTS = 1024;

/** What one session did in one window, ready to be learnt. */
export interface SessionPeriod {
  readonly facts: readonly Fact[];
  /** Something of it was called strange: it is not learnt. */
  readonly strange: boolean;
}

interface Active {
  readonly role: Role;
  readonly facts: Map<string, Fact>;
  strange: boolean;
  /** It has come to run something: the runtime that sets it up is none yet. */
  visited: boolean;
}

const keyOf = ({ kind, value }: Fact): string => `${kind} ${value}`;

export class SessionLog {
  #window = 0;
  readonly #seen = new Map<string, number>();
  readonly #active = new Map<string, Active>();
  #before = false;

  /** The session that was at work last in the open window, or null. */
  get latest(): Role | null {
    return [...this.#active.values()].at(-1)?.role ?? null;
  }

  /** Whether somebody from outside ran something in the open window or the one before: what he told the workload to do comes after. */
  get visitedLately(): boolean {
    return this.#before || this.visited;
  }

  /** Whether somebody from outside ran something in the open window. */
  get visited(): boolean {
    return [...this.#active.values()].some(({ visited }) => visited);
  }

  /** A session is at work. */
  at(role: Role): void {
    const known = this.#active.get(role.root) ?? { role, facts: new Map(), strange: false, visited: false };
    known.visited ||= role.kind === 'session';
    this.#active.delete(role.root);
    this.#active.set(role.root, known);
  }

  /** It is a probe after all: the workload's own life. */
  leave({ root }: Role): void {
    this.#active.delete(root);
  }

  /** Notes a fact of the session; true when no session did the same just before. */
  fact(role: Role, fact: Fact): boolean {
    this.at(role);
    const key = keyOf(fact);
    const fresh = !this.#isRecent(key);
    if (this.#seen.size < MAX_FACTS || this.#seen.has(key)) {
      this.#seen.set(key, this.#window);
      this.#active.get(role.root)?.facts.set(key, fact);
    }
    return fresh;
  }

  /** Whether a session did it just before; it is then still the session's. */
  did(fact: Fact): boolean {
    const key = keyOf(fact);
    if (!this.#isRecent(key)) return false;
    this.#seen.set(key, this.#window);
    return true;
  }

  strange({ root }: Role): void {
    const active = this.#active.get(root);
    if (active !== undefined) active.strange = true;
  }

  /** Ends the window. */
  close(): SessionPeriod[] {
    const periods = [...this.#active.values()]
      .filter(({ facts }) => facts.size > 0)
      .map(({ facts, strange }) => ({ facts: [...facts.values()], strange }));
    this.#before = this.visited;
    this.#active.clear();
    this.#window += 1;
    for (const [key, window] of this.#seen) if (this.#window - window > KEPT_WINDOWS) this.#seen.delete(key);
    return periods;
  }

  #isRecent(key: string): boolean {
    const window = this.#seen.get(key);
    return window !== undefined && this.#window - window <= KEPT_WINDOWS;
  }
}
