/**
 * What a container does too much of in one go: CPU time, bytes, processes, connections, files changed. The amount grows for as
 * long as a surge lasts; it is told when it is strange, again when it has become stranger, and counts as evidence once, with
 * what it has come to. A level that stays is usual after half an hour, and the surge is over.
 */

import type { Verdict } from './alerts/judge.ts';
import { judgeSurge, SURGE } from './alerts/surge.ts';
import type { Flow, FlowEvent } from './events/event.ts';
import type { Fact } from './features/fact.ts';
import { surgeRates } from './features/surge-row.ts';
import type { Window } from './features/window.ts';
import type { Baseline } from './models/baseline.ts';
import { type Amounts, bitsOfSurge, type Records, sentTo } from './models/volume/surge.ts';
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
  recent: number;
}

/** Bytes of one window, and an end that has that name. */
interface Peer {
  readonly name: string;
  readonly end: string;
  sent: number;
  both: number;
}

/** What is kept per container. */
export class Surges implements WindowDetector {
  readonly name = SURGE;
  /** Nearly always none: what they are spread as says nothing of drift. */
  readonly bits = null;
  readonly #node: () => Records;
  /** By channel; of peers those whose surge is open. */
  readonly #open = new Map<string, Open>();
  /** Of this window, by channel. */
  #peers = new Map<string, Peer>();
  /** Address and port → who called it last. */
  readonly #callers = new Map<string, FlowEvent>();
  #now: { readonly rates: Amounts; readonly ended: Amounts } | null = null;
  /** Bits told of the surges that are open. */
  #told = 0;

  /** @param node how it is with all its workloads */
  constructor(node: () => Records) {
    this.#node = node;
  }

  flow({ peer, port, bytesIn, bytesOut, direction }: Flow, { value }: Fact): void {
    if (direction !== 'connect') return;
    const channel = sentTo(value);
    const known = this.#peers.get(channel) ?? { name: value, end: `${peer}:${port}`, sent: 0, both: 0 };
    known.sent += bytesOut;
    known.both += bytesIn + bytesOut;
    if (this.#peers.size < MAX_PEERS) this.#peers.set(channel, known);
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
    for (const [channel, { sent }] of peers) rates.set(channel, sent / seconds);
    this.#now = { rates, ended: this.#add(rates, seconds, baseline) };
    const open = new Map([...this.#open].map(([channel, { amount }]) => [channel, amount]));
    const going = [...open.values()].some((amount) => amount > 0);
    if (!going) this.#told = 0;
    const score = baseline.surge.score({ open, node: going ? this.#node() : NOBODY });
    if (score.state === 'unknown') return [];
    const bits = bitsOfSurge(score.score);
    if (bits < TOLD_BITS || (this.#told > 0 && bits < this.#told + GREW_BITS)) return [];
    const again = this.#told > 0;
    this.#told = bits;
    const { workload, surge } = baseline;
    const who = this.#who(peers, score.parts[0]?.what ?? '');
    return [judgeSurge({ score, bits, again, ...who, workload, learnt: surge.learnt, steps })];
  }

  settle(baseline: Baseline, clean: boolean): null {
    const now = this.#now;
    this.#now = null;
    if (now === null) return null;
    const ended = [...now.ended].filter(([channel]) => clean && this.#open.get(channel)?.clean === true);
    for (const [channel, open] of this.#open) {
      open.clean = open.amount > 0 ? open.clean && clean : true;
      // Of a peer nothing is kept beyond its surge.
      if (open.amount === 0 && channel.startsWith(sentTo(''))) this.#open.delete(channel);
    }
    if (clean && !baseline.pinned) baseline.surge.learn({ rates: now.rates, ended: new Map(ended) });
    return null;
  }

  /** What the window adds to each surge; the amounts of those that are over with it. */
  #add(rates: Amounts, seconds: number, baseline: Baseline): Amounts {
    const ended = new Map<string, number>();
    for (const channel of new Set([...this.#open.keys(), ...rates.keys()])) {
      // Nothing goes to a peer that is not among them; a number that was not read stands still.
      const rate = rates.get(channel) ?? 0;
      const amount = Number.isFinite(rate) ? this.#grow(channel, rate, seconds, baseline) : 0;
      if (amount > 0) ended.set(channel, amount);
    }
    return ended;
  }

  /** The amount of a surge that is over now. */
  #grow(channel: string, rate: number, seconds: number, { surge }: Baseline): number {
    const usual = surge.usual(channel);
    const open = this.#open.get(channel) ?? { amount: 0, calm: 0, clean: true, recent: usual };
    const excess = rate - TIMES * Math.max(usual, open.recent) - surge.material(channel) / NOTHING_S;
    open.recent += (1 - 2 ** (-seconds / USUAL_AFTER_S)) * (rate - open.recent);
    open.calm = excess > 0 ? 0 : open.calm + 1;
    if (excess > 0) open.amount += excess * seconds;
    if (this.#open.size < MAX_PEERS) this.#open.set(channel, open);
    if (open.calm < CALM_WINDOWS) return 0;
    const { amount } = open;
    open.amount = 0;
    return amount;
  }

  /** The peer that it is about, or that most went to or came from in the window; and who called it. */
  #who(
    peers: ReadonlyMap<string, Peer>,
    what: string,
  ): { readonly peer: string; readonly by: FlowEvent | null } {
    const named = [...peers].find(([channel]) => what.startsWith(`${channel} `))?.[1];
    const [most] = [...peers.values()].toSorted((a, b) => b.both - a.both);
    const end = (named ?? most)?.end ?? '';
    return { peer: end, by: this.#callers.get(end) ?? null };
  }
}

const NOBODY: Records = { windows: 0, records: 0, octaves: 0 };
