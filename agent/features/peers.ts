/** Whom a container spoke to in one window, and how much it gave each; bounded, whatever it does. */
import type { Flow } from '../events/event.ts';
import { type Fact, factKey } from './fact.ts';

/** Peers told apart in one window; what goes to further ones is counted together. */
const MAX_PEERS = 256;

export interface PeerTraffic {
  readonly fact: Fact;
  bytesOut: number;
  attempts: number;
  /** Of the last packet or connection, CLOCK_BOOTTIME ns. */
  last: bigint;
}

export class PeerWindow {
  readonly #peers = new Map<string, PeerTraffic>();
  #others = 0;

  /** Flows out only: who connects to us is our clients' matter. */
  add(flow: Pick<Flow, 'direction' | 'bytesOut' | 'attempts' | 'last'>, fact: Fact): void {
    if (flow.direction !== 'connect') return;
    const key = factKey(fact);
    const known = this.#peers.get(key);
    if (known !== undefined) {
      known.bytesOut += flow.bytesOut;
      known.attempts += flow.attempts;
      if (flow.last > known.last) known.last = flow.last;
    } else if (this.#peers.size < MAX_PEERS) {
      const { bytesOut, attempts, last } = flow;
      this.#peers.set(key, { fact, bytesOut, attempts, last });
    } else {
      this.#others += 1;
    }
  }

  /** Peers, at most MAX_PEERS, and flows to others. */
  get count(): number {
    return this.#peers.size + this.#others;
  }

  all(): IterableIterator<PeerTraffic> {
    return this.#peers.values();
  }
}
