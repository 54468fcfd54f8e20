/**
 * What a container does too much of in one go: CPU time, bytes, processes, connections, files changed. The amount grows for as
 * long as a surge lasts; it is told when it is strange, again when it has become stranger, and counts as evidence once, with
 * what it has come to. A level that stays is usual after half an hour, and the surge is over.
 */

import type { Verdict } from './alerts/judge.ts';
import { judgeSurge, SURGE } from './alerts/surge.ts';
import type { Flow, FlowEvent } from './events/event.ts';
import { SURGE_CHANNELS, surgeRates } from './features/surge-row.ts';
import type { Window } from './features/window.ts';
import type { Baseline } from './models/baseline.ts';
import { bitsOfSurge, type Records } from './models/volume/surge.ts';
import type { Judging, WindowDetector } from './window-detector.ts';

/** From there on it is told, and again when it grew by so much. */
const TOLD_BITS = 8;
const GREW_BITS = 2;
/** Of what is usual: less is no surge. */
const TIMES = 2;
/** And so much a second is none, however little is usual: what is nothing by itself, in a minute. */
const NOTHING_S = 60;
/** What goes on for so long is usual, seconds: half-life. */
const USUAL_AFTER_S = 1800;
/** Calm windows after which it is over. */
const CALM_WINDOWS = 2;
const SHORTEST_NS = 1_000_000_000n;
/** Peers of one window, and processes that called some, which are told apart. */
const MAX_PEERS = 256;

interface Open {
  amount: number;
  calm: number;
  /** All its windows may be learnt. */
  clean: boolean;
  /** Of late, per second. */
  recent: number | null;
}

/** What is kept per container. */
export class Surges implements WindowDetector {
  readonly name = SURGE;
  /** Nearly always none: what they are spread as says nothing of drift. */
  readonly bits = null;
  readonly #node: () => Records;
  readonly #open: Open[] = SURGE_CHANNELS.map(() => ({ amount: 0, calm: 0, clean: true, recent: null }));
  /** Peer → bytes both ways in this window, and who called it last. */
  #peers = new Map<string, number>();
  readonly #callers = new Map<string, FlowEvent>();
  #now: { readonly rates: readonly number[]; readonly ended: readonly number[] } | null = null;
  /** Bits told of the surges that are open. */
  #told = 0;

  /** @param node how it is with all its workloads */
  constructor(node: () => Records) {
    this.#node = node;
  }

  flow({ peer, port, bytesIn, bytesOut, direction }: Flow): void {
    if (direction !== 'connect') return;
    const end = `${peer}:${port}`;
    if (this.#peers.size < MAX_PEERS || this.#peers.has(end))
      this.#peers.set(end, (this.#peers.get(end) ?? 0) + bytesIn + bytesOut);
  }

  /** A process of the workload connected somewhere. */
  called(event: FlowEvent): void {
    if (event.direction !== 'connect' || event.process.pid === 0) return;
    const end = `${event.peer}:${event.port}`;
    this.#callers.delete(end);
    this.#callers.set(end, event);
    const [oldest] = this.#callers.keys();
    if (this.#callers.size > MAX_PEERS && oldest !== undefined) this.#callers.delete(oldest);
  }

  end(window: Window, { baseline, steps, host }: Judging): Verdict[] {
    const peers = this.#peers;
    this.#peers = new Map();
    if (host || window.endNs - window.startNs < SHORTEST_NS) return [];
    const seconds = Number(window.endNs - window.startNs) / 1e9;
    const rates = surgeRates(window);
    this.#now = { rates, ended: rates.map((rate, i) => this.#add(i, rate, seconds, baseline)) };
    const open = this.#open.map(({ amount }) => amount);
    const going = open.some((amount) => amount > 0);
    if (!going) this.#told = 0;
    const score = baseline.surge.score({ open, node: going ? this.#node() : NOBODY });
    if (score.state === 'unknown') return [];
    const bits = bitsOfSurge(score.score);
    if (bits < TOLD_BITS || (this.#told > 0 && bits < this.#told + GREW_BITS)) return [];
    const again = this.#told > 0;
    this.#told = bits;
    const { workload, surge } = baseline;
    return [judgeSurge({ score, bits, again, ...this.#who(peers), workload, learnt: surge.learnt, steps })];
  }

  settle(baseline: Baseline, clean: boolean): null {
    const now = this.#now;
    this.#now = null;
    if (now === null) return null;
    const ended = now.ended.map((amount, i) => (this.#isWhole(i, clean) ? amount : 0));
    if (clean && !baseline.pinned) baseline.surge.learn({ rates: now.rates, ended });
    return null;
  }

  /** Whether all of the surge that is open or has ended now may be learnt. */
  #isWhole(i: number, clean: boolean): boolean {
    const open = this.#open[i];
    if (open === undefined) return false;
    const whole = open.clean && clean;
    open.clean = open.amount > 0 ? whole : true;
    return whole;
  }

  /** What the window adds to a surge; the amount of one that is over with it. */
  #add(i: number, rate: number, seconds: number, { surge }: Baseline): number {
    const open = this.#open[i];
    if (open === undefined || !Number.isFinite(rate)) return 0;
    const recent = open.recent ?? surge.usual(i);
    open.recent = recent + (1 - 2 ** (-seconds / USUAL_AFTER_S)) * (rate - recent);
    const nothing = (SURGE_CHANNELS[i]?.material ?? 0) / NOTHING_S;
    const excess = rate - TIMES * Math.max(surge.usual(i), recent) - nothing;
    open.calm = excess > 0 ? 0 : open.calm + 1;
    if (excess > 0) open.amount += excess * seconds;
    if (open.calm < CALM_WINDOWS) return 0;
    const { amount } = open;
    open.amount = 0;
    return amount;
  }

  /** The peer that most went to or came from in the window, and who called it. */
  #who(peers: ReadonlyMap<string, number>): { readonly peer: string; readonly by: FlowEvent | null } {
    let [peer, most] = ['', 0];
    for (const [end, bytes] of peers) if (bytes > most) [peer, most] = [end, bytes];
    return { peer, by: this.#callers.get(peer) ?? null };
  }
}

const NOBODY: Records = { windows: 0, records: 0, octaves: 0 };
