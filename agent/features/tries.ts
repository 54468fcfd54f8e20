/** Who tried which door of a container in one window: connections by peer, programs that failed, ends that did not answer. */
import type { Flow } from '../events/event.ts';
import type { Fact } from './fact.ts';

/** Doors and peers told apart in one window; further ones are counted together. */
const MAX_ENDS = 256;
const REST = 'others';

/** Connections of one peer through one door. */
export interface Tried {
  readonly kind: 'accept' | 'connect';
  readonly name: string;
  readonly peer: string;
  tries: number;
  bytes: number;
}

export class Tries {
  readonly #tried = new Map<string, Tried>();
  readonly #failed = new Map<string, number>();
  readonly #silent = new Set<string>();
  refused = 0;

  /** `isNew`: the workload has not called that end before. */
  flow(flow: Flow, fact: Fact, isNew: boolean): void {
    if (flow.protocol !== 'tcp') return;
    const { direction, peer, port, opened, attempts } = flow;
    if (direction === 'connect' && attempts > 0 && opened === 0 && isNew && this.#silent.size < MAX_ENDS)
      this.#silent.add(`${peer}:${port}`);
    const name = direction === 'accept' ? String(port) : fact.value;
    const key = `${direction} ${name} ${peer}`;
    const full = !this.#tried.has(key) && this.#tried.size >= MAX_ENDS;
    const of = full ? { kind: direction, name: REST, peer: REST } : { kind: direction, name, peer };
    const known = this.#tried.get(full ? `${direction} ${REST}` : key) ?? { ...of, tries: 0, bytes: 0 };
    known.tries += opened;
    known.bytes += flow.bytesIn + flow.bytesOut;
    this.#tried.set(full ? `${direction} ${REST}` : key, known);
  }

  /** A program ended with a failure as exit code. */
  failed(program: string): void {
    const name = this.#failed.has(program) || this.#failed.size < MAX_ENDS ? program : REST;
    this.#failed.set(name, (this.#failed.get(name) ?? 0) + 1);
  }

  get tried(): readonly Tried[] {
    return [...this.#tried.values()].filter(({ tries }) => tries > 0);
  }

  get failures(): ReadonlyMap<string, number> {
    return this.#failed;
  }

  /** Ends never called before that did not answer. */
  get silent(): ReadonlySet<string> {
    return this.#silent;
  }
}
