/**
 * What a container does too much of in one go: CPU time, bytes, processes, connections, files changed. The amount grows for as
 * long as a surge lasts; it is told when it is strange, again when it has become stranger, and counts as evidence once, with
 * what it has come to. Of each number that is told by itself: who uses up a core sends unseen no less. What is told within a
 * minute of another is evidence together with that, as one thing makes several numbers. A level that stays is usual after half an hour, and the surge is over.
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
/** Windows within which what is told is the same thing, seen in another number. */
const TOGETHER = 12;
/** Of what is usual: less is no surge. */
const TIMES = 2;
/** And so much a second is none, however little is usual: what is nothing by itself, in a minute. */
const NOTHING_S = 60;
/** What goes on for so long is usual, seconds: half-life. */
const USUAL_AFTER_S = 1800;
/** While it is calm the amount halves in so long, so that many small surges come to one; at that part of its most it is over. */
const HALF_S = 120;
const OVER = 1 / 4;
/** So much of one that goes on is learnt as if it were over. */
const LONGEST_S = 1800;
const SHORTEST_NS = 1_000_000_000n;
/** Peers of one window, clients, and processes that called some, which are told apart. */
const MAX_PEERS = 256;

interface Open {
  amount: number;
  /** The most that it came to, and seconds since it began or was learnt. */
  peak: number;
  seconds: number;
  /** All its windows may be learnt. */
  clean: boolean;
  /** Of late, per second. */
  recent: number;
  /** The most bits that it was judged with. */
  most: number;
  /** When it was told; null: it was not. */
  told: Told | null;
}

interface Told {
  readonly bits: number;
  /** The channel with which it was told, by whose name it is evidence; and the window. */
  readonly as: string;
  readonly window: number;
}

interface Due {
  readonly channel: string;
  readonly open: Open;
  readonly bits: number;
}

/** Numbers of one window, and an end that has that name. */
interface Peer {
  readonly end: string;
  sent: number;
  received: number;
  attempts: number;
}

/** Channels of which a peer may have most: its part, and the whole. */
const OF_PEERS: Readonly<
  Record<string, readonly [(peer: Peer) => number, (counts: Window['counts']) => number]>
> = {
  'bytes sent': [({ sent }) => sent, ({ bytesOut }) => bytesOut],
  'bytes received': [({ received }) => received, ({ bytesIn }) => bytesIn],
  'connections made': [({ attempts }) => attempts, ({ connects }) => connects],
};
/** Of the whole, for a peer to be named. */
const MOST_OF_IT = 1 / 2;

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
  /** The same of those that called, by address. */
  #clients = new Map<string, Peer>();
  /** Address and port → who called it last. */
  readonly #callers = new Map<string, FlowEvent>();
  #now: { readonly rates: Amounts; readonly ended: Amounts; readonly judged: Amounts } | null = null;
  #windows = 0;

  /** @param node how it is with all its workloads */
  constructor(node: () => Records) {
    this.#node = node;
  }

  flow({ peer, port, bytesIn, bytesOut, attempts, direction }: Flow, { value }: Fact): void {
    const isCall = direction === 'connect';
    const [of, name] = isCall ? [this.#peers, sentTo(value)] : [this.#clients, peer];
    const end = isCall ? `${peer}:${port}` : peer;
    const known = of.get(name) ?? { end, sent: 0, received: 0, attempts: 0 };
    known.sent += bytesOut;
    known.received += bytesIn;
    if (isCall) known.attempts += attempts;
    if (of.size < MAX_PEERS) of.set(name, known);
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
    if (host || window.endNs - window.startNs < SHORTEST_NS) return [];
    this.#windows += 1;
    const seconds = Number(window.endNs - window.startNs) / 1e9;
    const rates = surgeRates(window);
    for (const [channel, { sent }] of this.#peers) rates.set(channel, sent / seconds);
    this.#now = { rates, ...this.#add(rates, seconds, baseline) };
    const due = this.#due(baseline);
    const [first] = due;
    if (first === undefined) return [];
    const open = new Map(due.map((each) => [each.channel, each.open.amount]));
    const score = baseline.surge.score({ open, node: this.#node() });
    if (score.state === 'unknown') return [];
    const [goesOn, told] = [first.open.told !== null, this.#toldAs(first)];
    const again = goesOn || told.as !== first.channel;
    for (const each of due) each.open.told = { ...told, bits: each.bits };
    const { workload, surge } = baseline;
    const of = { channel: first.channel, lasts: told.as, goesOn, again };
    const who = this.#who(first.channel, window);
    const bits = bitsOfSurge(score.score);
    return [judgeSurge({ score, bits, ...of, ...who, workload, learnt: surge.learnt, steps })];
  }

  settle(baseline: Baseline, clean: boolean): null {
    const now = this.#now;
    this.#now = null;
    // A start that was not looked at is no part of the window after it.
    this.#peers = new Map();
    this.#clients = new Map();
    if (now === null) return null;
    const ofClean = (amounts: Iterable<readonly [string, number]>): Amounts =>
      new Map([...amounts].filter(([channel]) => clean && this.#open.get(channel)?.clean === true));
    const ended = ofClean(now.ended);
    const going = ofClean([...this.#open].map(([channel, { amount }]) => [channel, amount] as const));
    for (const [channel, open] of this.#open) {
      // What goes on for long is looked at in parts.
      open.clean = open.amount > 0 && !now.ended.has(channel) ? open.clean && clean : true;
      // Of a peer nothing is kept beyond its surge.
      if (open.amount === 0 && channel.startsWith(sentTo(''))) this.#open.delete(channel);
    }
    const { rates, judged } = now;
    if (clean && !baseline.pinned) baseline.surge.learn({ rates, judged, ended, open: going });
    return null;
  }

  /** What the window adds to each surge; the amounts of those that are over with it. */
  #add(rates: Amounts, seconds: number, baseline: Baseline): { ended: Amounts; judged: Amounts } {
    const [ended, judged] = [new Map<string, number>(), new Map<string, number>()];
    for (const channel of new Set([...this.#open.keys(), ...rates.keys()])) {
      // Nothing goes to a peer that is not among them; a number that was not read stands still.
      const rate = rates.get(channel) ?? 0;
      const amount = Number.isFinite(rate) ? this.#grow(channel, rate, seconds, baseline) : 0;
      const open = this.#open.get(channel);
      if (amount === 0 || open === undefined) continue;
      ended.set(channel, amount);
      judged.set(channel, open.most);
      if (open.amount === 0) [open.most, open.told] = [0, null];
    }
    return { ended, judged };
  }

  /** The amount of a surge that is over now. */
  #grow(channel: string, rate: number, seconds: number, { surge }: Baseline): number {
    const usual = surge.usual(channel);
    const open = this.#open.get(channel) ?? {
      ...{ amount: 0, peak: 0, seconds: 0, clean: true, recent: usual },
      ...{ most: 0, told: null },
    };
    const excess = rate - TIMES * Math.max(usual, open.recent) - surge.material(channel) / NOTHING_S;
    open.recent += (1 - 2 ** (-seconds / USUAL_AFTER_S)) * (rate - open.recent);
    open.amount = excess > 0 ? open.amount + excess * seconds : open.amount * 2 ** (-seconds / HALF_S);
    open.peak = Math.max(open.peak, open.amount);
    open.seconds = open.amount > 0 ? open.seconds + seconds : 0;
    if (this.#open.size < MAX_PEERS) this.#open.set(channel, open);
    const isOver = open.amount <= OVER * open.peak;
    if (!isOver && open.seconds < LONGEST_S) return 0;
    const { peak } = open;
    if (isOver) open.amount = 0;
    [open.peak, open.seconds] = [open.amount, 0];
    return peak;
  }

  /** What is to be told now: of what was never told if there is such, else of one that has become stranger; strongest first. */
  #due({ surge }: Baseline): readonly Due[] {
    const due: Due[] = [];
    for (const [channel, open] of this.#open) {
      if (open.amount === 0) continue;
      const bits = surge.bits(channel, open.amount, this.#node());
      open.most = Math.max(open.most, bits);
      if (bits >= TOLD_BITS && bits >= (open.told === null ? 0 : open.told.bits + GREW_BITS))
        due.push({ channel, open, bits });
    }
    due.sort((a, b) => b.bits - a.bits);
    const fresh = due.filter(({ open }) => open.told === null);
    const as = due[0]?.open.told?.as;
    return fresh.length > 0 ? fresh : due.filter(({ open }) => open.told?.as === as);
  }

  /** By whose name it is evidence: its own, or that of one that was told just before it. */
  #toldAs({ channel, open }: Due): Omit<Told, 'bits'> {
    if (open.told !== null) return open.told;
    const others = [...this.#open.values()].flatMap(({ told }) => (told === null ? [] : [told]));
    const joined = others.find(({ window }) => this.#windows - window <= TOGETHER);
    return joined ?? { as: channel, window: this.#windows };
  }

  /** The peer that it is about, or that has most of what there was in the window; and who called it. */
  #who(channel: string, { counts }: Window): { readonly peer: string; readonly by: FlowEvent | null } {
    const peer = this.#peers.get(channel) ?? this.#most(channel, counts);
    const end = peer?.end ?? '';
    return { peer: end, by: this.#callers.get(end) ?? null };
  }

  #most(channel: string, counts: Window['counts']): Peer | undefined {
    const [partOf, wholeOf] = OF_PEERS[channel] ?? [];
    if (partOf === undefined || wholeOf === undefined) return undefined;
    const [most] = [...this.#peers.values(), ...this.#clients.values()].toSorted(
      (a, b) => partOf(b) - partOf(a),
    );
    const part = most === undefined ? 0 : partOf(most);
    return part > 0 && part >= MOST_OF_IT * wholeOf(counts) ? most : undefined;
  }
}
