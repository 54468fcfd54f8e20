/** Each event of a container: whose work it is, what came before it, and what of it is a fact to be judged. */
import type { CanaryJudge } from './alerts/canary.ts';
import type { Event, ExecEvent } from './events/event.ts';
import { LAYOUT } from './events/layout.ts';
import { factOf } from './features/facts.ts';
import type { Container } from './identity/container.ts';
import type { GoneContainer } from './identity/containers.ts';
import { Ended } from './identity/ended.ts';
import type { Lives } from './identity/lives.ts';
import { type Processes, processKey } from './identity/processes.ts';
import type { Sink } from './sink.ts';
import { type Role, Roles } from './situation/roles.ts';
import { SessionStarts } from './situation/session-start.ts';
import type { Telling } from './telling.ts';
import type { Verdicts } from './verdicts.ts';
import type { Windows } from './windows.ts';

export interface WitnessParts {
  /** Since when it sees, CLOCK_BOOTTIME ns. */
  readonly bootNs: bigint;
  readonly lives: Lives;
  readonly processes: Processes;
  readonly canaries: CanaryJudge;
  readonly sink: Pick<Sink, 'session' | 'canary'>;
  readonly telling: Pick<Telling, 'wallOf'>;
  readonly verdicts: Verdicts;
  readonly windows: Windows;
}

export class Witness {
  readonly roles: Roles;
  readonly #sessions = new SessionStarts();
  readonly #ended = new Ended();
  readonly #parts: WitnessParts;

  constructor(parts: WitnessParts) {
    this.roles = new Roles(parts.bootNs);
    this.#parts = parts;
  }

  event(event: Event, container: Container): void {
    const { canaries, lives, processes, windows } = this.#parts;
    const canary = canaries.judge(event, container);
    if (canary !== null) {
      if (canary !== 'its') this.#parts.sink.canary(canary, this.#parts.telling.wallOf(canary.timeNs));
      return;
    }
    lives.event(event, container);
    const role = this.roles.of(event, container);
    const key = processKey(event.process.pid, event.process.start);
    if (event.kind === 'exit') {
      this.#ended.note(key, event.time);
      if (event.status !== 0 && role.kind === 'own')
        windows.of(container).attempts.ended(event, processes.lineageOf(event)[0]);
      return;
    }
    this.#ended.acted(key, event.time);
    processes.note(event, container);
    if (event.kind === 'exec') this.#entered(event, container, role);
    this.#seen(event, container, role);
  }

  /** Containers that are gone for longer than records can be late. */
  forget(gone: readonly GoneContainer[]): void {
    this.#parts.processes.forget(gone);
    this.roles.forget(gone.map(({ container }) => container));
  }

  /** Processes that ended for longer than anything asks for them, `most` of them; whether there may be more. */
  forgetEnded(now: bigint, most: number): boolean {
    for (let i = 0; i < most; i++) {
      const key = this.#ended.next(now);
      if (key === undefined) return false;
      this.#parts.processes.ended(key);
      this.roles.ended(key);
    }
    return true;
  }

  #entered(event: ExecEvent, container: Container, role: Role): void {
    const session = this.#sessions.of(event, container, role);
    if (session !== null) this.#parts.sink.session(session, this.#parts.telling.wallOf(event.time));
  }

  /** What it is in its container's window, and to those who judge. */
  #seen(event: Exclude<Event, { kind: 'exit' }>, container: Container, role: Role): void {
    const { windows, verdicts, processes } = this.#parts;
    const watched = windows.of(container);
    if (role.kind === 'own') {
      watched.attempts.event(event);
      if (event.kind === 'flow') watched.surges.called(event);
    }
    if (event.kind === 'action' && event.action === 'oom-kill') watched.window.oomKill();
    watched.observed ||= event.slot !== LAYOUT.SLOT_NONE;
    if (event.kind === 'pair') {
      windows.pair(watched, event, role);
      return;
    }
    if (event.kind === 'dns') windows.dns(watched, event);
    const fact = windows.factUnderName(watched, event.time, (peerOf) => factOf(event, peerOf));
    if (event.kind === 'novel' && fact !== null) windows.novel(watched, fact, event);
    verdicts.event(event, { watched, fact, lineage: processes.lineageOf(event), role });
  }
}
