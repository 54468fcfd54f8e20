/**
 * *surge*: how much more than usual was used, sent or changed in one go. Of each number the excess over twice its usual rate
 * adds up for as long as it lasts (a cumulative sum: E. S. Page, "Continuous inspection schemes", Biometrika 1954), so that
 * what is extreme for a second and what is a little too much for minutes come to one amount: CPU seconds, bytes, processes.
 *
 * An amount is compared with the largest of its kind so far, and counts from twice as much on. That a window brings such a
 * *record* at all is as likely as it was: by those of the workload in its windows and what is usual on the node: the
 * mean of a gamma law of rates whose mean is the node's and whose shape is SHAPE, given r records in n windows, (r + SHAPE) /
 * (n + SHAPE / mean), so that neither says more than about as many windows as there were can show (empirical Bayes, H. Robbins 1956). By how many octaves a record passes twice the one before is taken for
 * exponential, which is a Pareto law of amounts; its mean is that of the node's records, with PRIOR_RECORDS of one octave before
 * there are any: a law of index 1.4, between what sizes of files show and a finite variance. Both are added as bits.
 *
 * Only what matters counts: so much of each kind is nothing by itself, whatever the workload does (`material`), nor is what it
 * does in a minute anyway.
 *
 * What is sent is looked at for each peer by itself as well, once the peer was known for as long as a workload is before it is
 * judged: among much traffic, little to somebody who gets next to nothing would not be seen.
 *
 * Memory: six numbers and at most two suspects a channel, and MAX_PEERS peers; those that were sent nothing for longest leave.
 */
import type { Detector, Part, Score } from '../detector.ts';
import { Level } from './level.ts';

/** A number that can be too much. */
export interface Channel {
  readonly name: string;
  /** So much in one go is nothing by itself. */
  readonly material: number;
  /** An amount as people read it. */
  readonly show: (amount: number) => string;
}

/** By channel; what is sent to a peer is the channel `sentTo` it. */
export type Amounts = ReadonlyMap<string, number>;

/** What one window says. */
export interface SurgeWindow {
  /** Per second; NaN: not known. */
  readonly rates: Amounts;
  /** Of surges that ended with it. */
  readonly ended: Amounts;
  /** Of those that go on; learnt of where nothing is judged yet. */
  readonly open?: Amounts;
  /** The most bits that each of these was judged with; by default as the workload alone would judge it. */
  readonly judged?: Amounts;
}

/** The surges that are going on; and how it is with the workloads of the node. */
export interface OpenSurges {
  readonly open: Amounts;
  readonly node: Records;
}

/** Windows in which surges were looked for, records among them, and the octaves of all of these. */
export interface Records {
  readonly windows: number;
  readonly records: number;
  readonly octaves: number;
}

/** Raised when what is saved changes: one of another form is begun anew, which takes minutes. */
export const SURGE_FORMAT = 3;
/** Bits of a score of 1, and the most that is believed. */
const FULL_BITS = 32;
const MOST_BITS = 24;
/** Clean windows until it speaks: 4 minutes of 5 s. */
const ENOUGH = 48;
/** Half a record, as in the prior that says least (H. Jeffreys, 1946). */
const SHAPE = 1 / 2;
/** Records that are taken to have been before any, and their octaves; and the most that one says. */
const PRIOR_RECORDS = 8;
const PRIOR_OCTAVES = 1;
const MOST_OCTAVES = 8;
/** Twice as much as ever. */
const RECORD_OCTAVES = 1;
/** What a workload does in so long is no surge. */
const ANYWAY_S = 60;
/** Of the usual rate: half-life half an hour of two replicas; what is far out moves it little. */
const USUAL = { halfLife: 720, clip: 3 };
/**
 * So strange a surge is learnt when there were QUORUM of them, each so many windows after the one before (half an hour of one
 * container), and then as large as the least. What is less strange is learnt at once, as far as the largest may rise: by an
 * octave in as many windows as there were, or in an hour; so that nobody leads it upwards by surges of which none is a record.
 */
const GUARD_BITS = 10;
const QUORUM = 3;
const APART = 360;
const RISE_WINDOWS = 720;
const MOST_RISE = 1;
/** Of anything, bytes above all. */
const MOST = 1e18;
const MAX_PEERS = 32;
const MAX_NAME = 120;
const MAX_BYTES = 16 * 1024;
const SENT_TO = 'bytes sent to ';
/** The channel of what is sent to a peer. */
export const sentTo = (peer: string): string => SENT_TO + peer.slice(0, MAX_NAME);
const SHOWN = 3;
/** One that has less explains nothing. */
const LEAST_BITS = 4;

type Suspect = readonly [amount: number, window: number];

interface Learnt {
  readonly channel: Channel;
  readonly rate: Level;
  /** Windows that were learnt when it came, and when it last had any. */
  since: number;
  used: number;
  /** The largest. */
  highest: number;
  /** Octaves that the largest may rise by. */
  rise: number;
  /** Surges too strange to be learnt at once, and when they ended. */
  suspects: Suspect[];
}

export class Surge implements Detector<SurgeWindow, OpenSurges> {
  readonly name = 'surge';
  readonly maxBytes = MAX_BYTES;
  readonly #channels: readonly Channel[];
  readonly #ofPeers: Channel;
  #learnt: Map<string, Learnt>;
  #windows = 0;
  #records = 0;
  #octaves = 0;

  /** @param ofPeers what is sent to each peer */
  constructor(channels: readonly Channel[], ofPeers: Channel) {
    this.#channels = channels;
    this.#ofPeers = ofPeers;
    this.#learnt = new Map(channels.map((channel) => [channel.name, nothing(channel, 0)]));
  }

  /** Windows learnt. */
  get learnt(): number {
    return this.#windows;
  }

  /** Its usual rate, per second. */
  usual(channel: string): number {
    return usualOf(this.#learnt.get(channel));
  }

  /** Largest amount so far. */
  highest(channel: string): number {
    return this.#learnt.get(channel)?.highest ?? 0;
  }

  /** So much of it is nothing by itself. */
  material(channel: string): number {
    return (this.#learnt.get(channel)?.channel ?? this.#ofPeers).material;
  }

  get records(): Records {
    return {
      windows: Math.max(0, this.#windows - ENOUGH),
      records: this.#records,
      octaves: this.#octaves,
    };
  }

  learn({ rates, ended, open, judged }: SurgeWindow): void {
    this.#windows += 1;
    for (const name of rates.keys()) this.#meet(name);
    for (const [name, learnt] of this.#learnt) {
      // Nothing goes to a peer that is not among them.
      const [rate, amount] = [rates.get(name) ?? (isOfPeer(name) ? 0 : Number.NaN), ended.get(name) ?? 0];
      if (isAmount(rate)) learnt.rate.follow(Math.min(MOST, rate));
      if (rate > 0) learnt.used = this.#windows;
      const rise = 1 / Math.max(1, Math.min(RISE_WINDOWS, this.#windows - learnt.since));
      learnt.rise = Math.min(MOST_RISE, learnt.rise + rise);
      if (this.#isYoung(learnt)) follow(learnt, Math.max(amount, open?.get(name) ?? 0));
      else if (amount > 0) this.#ended(learnt, Math.min(MOST, amount), judged?.get(name) ?? 0);
    }
  }

  score({ open, node }: OpenSurges): Score {
    if (this.#windows < ENOUGH)
      return { state: 'unknown', reason: `${this.#windows} of ${ENOUGH} windows learnt` };
    const found = [...open]
      .map(([name, amount]) => ({ name, amount, bits: this.bits(name, amount, node) }))
      .filter(({ bits }) => bits >= LEAST_BITS)
      .toSorted((a, b) => b.bits - a.bits);
    const bits = found[0]?.bits ?? 0;
    return {
      state: 'scored',
      score: bits / FULL_BITS,
      reason:
        bits === 0
          ? 'Nothing is too much by itself.'
          : `As strange as one window in ${Math.round(2 ** bits)}, of ${this.#windows} learnt.`,
      parts: found.slice(0, SHOWN).map(
        ({ name, amount, bits: own }): Part => ({
          what: this.#text(name, amount),
          share: Math.min(1, own / FULL_BITS),
        }),
      ),
    };
  }

  /** Of a surge of that amount in that channel. Whether a peer is new is not what is asked here. */
  bits(channel: string, amount: number, node: Records = NONE): number {
    const learnt = this.#learnt.get(channel);
    if (learnt === undefined || this.#windows - learnt.since < ENOUGH) return 0;
    const octaves = beyond(learnt, amount) - RECORD_OCTAVES;
    if (!(octaves >= 0)) return 0;
    const own = this.records;
    const elsewhere = (node.records + 1) / (node.windows + 2);
    const chance = Math.min(1, (own.records + SHAPE) / (own.windows + SHAPE / elsewhere));
    const mean = (node.octaves + PRIOR_RECORDS * PRIOR_OCTAVES) / (node.records + PRIOR_RECORDS);
    return Math.min(MOST_BITS, -Math.log2(chance) + octaves / (mean * Math.LN2));
  }

  save(): unknown {
    const channels = [...this.#learnt]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { rate, since, used, highest, rise, suspects }]) => [
        name,
        since,
        used,
        rate.save(),
        highest,
        rise,
        suspects,
      ]);
    return {
      format: SURGE_FORMAT,
      windows: this.#windows,
      records: [this.#records, this.#octaves],
      channels,
    };
  }

  /**
   * @returns whether it is of this form; what an earlier version saved is not taken over.
   * @throws TypeError when it is not what `save` gave for as many channels.
   */
  load(saved: unknown): boolean {
    const { format = 1, windows, records, channels } = (saved ?? {}) as Record<string, unknown>;
    if (!isCount(windows) || !Array.isArray(records) || !records.every(isAmount) || !Array.isArray(channels))
      throw new TypeError('not a saved surge model');
    if (format !== SURGE_FORMAT) return false;
    const read = new Map(this.#channels.map((channel) => [channel.name, nothing(channel, 0)]));
    for (const entry of channels.slice(0, this.#channels.length + MAX_PEERS)) {
      const [name, ...rest] = Array.isArray(entry) ? entry : [];
      if (typeof name !== 'string') throw new TypeError('a saved channel without a name');
      const channel = read.get(name)?.channel ?? (isOfPeer(name) ? { ...this.#ofPeers, name } : null);
      if (channel !== null) read.set(name, loadChannel(channel, rest));
    }
    this.#learnt = read;
    this.#windows = windows;
    [this.#records = 0, this.#octaves = 0] = records;
    return true;
  }

  #isYoung({ since }: Learnt): boolean {
    return this.#windows - since <= ENOUGH;
  }

  /** One that was strange when it was judged, or is by what the workload knows, is learnt by quorum. */
  #ended(learnt: Learnt, amount: number, judged: number): void {
    const octaves = beyond(learnt, amount);
    if (!(octaves > 0)) return;
    const strange = Math.max(judged, this.bits(learnt.channel.name, amount)) >= GUARD_BITS;
    if (octaves >= RECORD_OCTAVES) {
      this.#records += 1;
      this.#octaves += Math.min(MOST_OCTAVES, octaves - RECORD_OCTAVES);
    }
    const rise = strange ? 0 : Math.min(octaves, learnt.rise);
    learnt.rise -= rise;
    if (rise > 0) follow(learnt, rise === octaves ? amount : raised(learnt, rise));
    if (rise < octaves) this.#suspect(learnt, amount);
  }

  /** Of surges soon after each other the first stands for all. */
  #suspect(learnt: Learnt, amount: number): void {
    const last = learnt.suspects.at(-1);
    if (last !== undefined && this.#windows - last[1] < APART) return;
    learnt.suspects.push([amount, this.#windows]);
    if (learnt.suspects.length < QUORUM) return;
    follow(learnt, Math.min(...learnt.suspects.map(([each]) => each)));
    learnt.suspects = [];
  }

  /** A peer is known from now on. */
  #meet(name: string): void {
    if (this.#learnt.has(name) || !isOfPeer(name)) return;
    this.#learnt.set(name, nothing({ ...this.#ofPeers, name }, this.#windows));
    if (this.#learnt.size <= this.#channels.length + MAX_PEERS) return;
    const [leaving] = [...this.#learnt]
      .filter(([other]) => isOfPeer(other) && other !== name)
      .toSorted(([a, x], [b, y]) => x.used - y.used || (a < b ? -1 : 1));
    if (leaving !== undefined) this.#learnt.delete(leaving[0]);
  }

  #text(name: string, amount: number): string {
    const { show } = this.#learnt.get(name)?.channel ?? this.#ofPeers;
    const highest = this.highest(name);
    const usually = highest === 0 ? 'never any before' : `never more than ${show(highest)} before`;
    return `${name} ${show(amount)} more than usual, ${usually}`;
  }
}

const isOfPeer = (name: string): boolean => name.startsWith(SENT_TO);
const usualOf = (learnt: Learnt | undefined): number => Math.max(0, learnt?.rate.value ?? 0);

const nothingMuchOf = (learnt: Learnt): number => learnt.channel.material + ANYWAY_S * usualOf(learnt);

function follow(learnt: Learnt, amount: number): void {
  learnt.highest = Math.max(learnt.highest, isAmount(amount) ? Math.min(MOST, amount) : 0);
}

/** The amount that is so many octaves beyond the largest so far. */
function raised(learnt: Learnt, octaves: number): number {
  const nothingMuch = nothingMuchOf(learnt);
  return 2 ** octaves * (learnt.highest + nothingMuch) - nothingMuch;
}

/** Octaves beyond the largest so far. */
function beyond(learnt: Learnt, amount: number): number {
  const { highest } = learnt;
  const nothingMuch = nothingMuchOf(learnt);
  return Math.log2((Math.min(MOST, amount) + nothingMuch) / (highest + nothingMuch));
}

const NONE: Records = { windows: 0, records: 0, octaves: 0 };
/** Of one workload's records that speak for others: so many, and one more in two hours. */
const SHARED_RECORDS = 4;
const SHARED_WINDOWS = 1440;

/** Of all workloads together. One that is restless, or wishes to be, does not make all so: of its records so many count. */
export function sumOfRecords(all: readonly Records[]): Records {
  const sum = { ...NONE };
  for (const { windows, records, octaves } of all) {
    const counted = Math.min(records, SHARED_RECORDS + windows / SHARED_WINDOWS);
    sum.windows += windows;
    sum.records += counted;
    sum.octaves += records === 0 ? 0 : (octaves * counted) / records;
  }
  return sum;
}

/** What a score is worth, bits. */
export const bitsOfSurge = (score: number): number => score * FULL_BITS;

const nothing = (channel: Channel, since: number): Learnt => ({
  channel,
  rate: new Level(USUAL),
  since,
  used: since,
  highest: 0,
  rise: MOST_RISE,
  suspects: [],
});

const isAmount = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;
const isSuspect = (value: unknown): value is Suspect =>
  Array.isArray(value) && value.length === 2 && isAmount(value[0]) && isCount(value[1]);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && isAmount(value);

function loadChannel(channel: Channel, saved: readonly unknown[]): Learnt {
  const [since, used, usual, highest, rise, suspects] = saved;
  if (!isCount(since) || !isCount(used) || !isAmount(highest) || !isAmount(rise) || !Array.isArray(suspects))
    throw new TypeError('not a saved channel');
  if (suspects.length >= QUORUM || !suspects.every(isSuspect))
    throw new TypeError('a saved channel with broken suspects');
  const rate = new Level(USUAL);
  rate.load(usual);
  return { channel, rate, since, used, highest, rise, suspects: [...suspects] };
}
