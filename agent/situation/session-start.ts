/** The shape of a session's beginning: somebody entered a container from outside and ran a program there. */
import type { ExecEvent } from '../events/event.ts';
import type { Container } from '../identity/container.ts';
import type { Role } from './roles.ts';

export interface SessionStart {
  readonly container: Container;
  /** Of the role; what descends from it has it in its facts. */
  readonly root: string;
  readonly timeNs: bigint;
  readonly event: ExecEvent;
}

/** Sessions whose beginning was told; the oldest is forgotten, and its next program would be told as another beginning. */
const MAX_TOLD = 4096;

export class SessionStarts {
  readonly #told = new Set<string>();

  /** The beginning that this event is, or null. */
  of(event: ExecEvent, container: Container, role: Role): SessionStart | null {
    if (role.kind !== 'session' || this.#told.has(role.root)) return null;
    this.#told.add(role.root);
    const [oldest] = this.#told;
    if (this.#told.size > MAX_TOLD && oldest !== undefined) this.#told.delete(oldest);
    return { container, root: role.root, timeNs: event.time, event };
  }
}
