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
 * Memory: four numbers and at most two suspects a channel.
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

/** What one window says, in the order of the channels. */
export interface SurgeWindow {
  /** Per second; NaN: not known. */
  readonly rates: readonly number[];
  /** Amounts of surges that ended with it, 0: none did. */
  readonly ended: readonly number[];
}

/** Amounts of the surges that are going on, 0: none is; and how it is with the workloads of the node. */
export interface OpenSurges {
  readonly open: readonly number[];
  readonly node: Records;
}

/** Windows in which surges were looked for, records among them, and the octaves of all of these. */
export interface Records {
  readonly windows: number;
  readonly records: number;
  readonly octaves: number;
}

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
/** So strange a surge is learnt when there were QUORUM of them, and then as large as the least. */
const GUARD_BITS = 10;
const QUORUM = 3;
/** Of anything, bytes above all. */
const MOST = 1e18;
const MAX_BYTES = 8 * 1024;
const SHOWN = 3;
/** One that has less explains nothing. */
const LEAST_BITS = 4;

interface Learnt {
  readonly rate: Level;
  /** The largest. */
  highest: number;
  /** Surges too strange to be learnt at once. */
  suspects: number[];
}

export class Surge implements Detector<SurgeWindow, OpenSurges> {
  readonly name = 'surge';
  readonly maxBytes = MAX_BYTES;
  readonly #channels: readonly Channel[];
  #learnt: Learnt[];
  #windows = 0;
  #records = 0;
  #octaves = 0;

  constructor(channels: readonly Channel[]) {
    this.#channels = channels;
    this.#learnt = channels.map(nothing);
  }

  /** Windows learnt. */
  get learnt(): number {
    return this.#windows;
  }

  /** Its usual rate, per second. */
  usual(channel: number): number {
    return Math.max(0, this.#learnt[channel]?.rate.value ?? 0);
  }

  /** Largest amount so far. */
  highest(channel: number): number {
    return this.#learnt[channel]?.highest ?? 0;
  }

  get records(): Records {
    return {
      windows: Math.max(0, this.#windows - ENOUGH),
      records: this.#records,
      octaves: this.#octaves,
    };
  }

  learn({ rates, ended }: SurgeWindow): void {
    this.#windows += 1;
    for (const [i, learnt] of this.#learnt.entries()) {
      const [rate, amount] = [rates[i] ?? Number.NaN, ended[i] ?? 0];
      if (isAmount(rate)) learnt.rate.follow(Math.min(MOST, rate));
      if (amount > 0) this.#ended(i, Math.min(MOST, amount));
    }
  }

  score({ open, node }: OpenSurges): Score {
    if (this.#windows < ENOUGH)
      return { state: 'unknown', reason: `${this.#windows} of ${ENOUGH} windows learnt` };
    const found = this.#channels
      .map((channel, i) => ({ channel, i, bits: this.bits(i, open[i] ?? 0, node) }))
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
        ({ i, bits: own }): Part => ({
          what: this.#text(i, open[i] ?? 0),
          share: Math.min(1, own / FULL_BITS),
        }),
      ),
    };
  }

  /** Of a surge of that amount in that channel. */
  bits(channel: number, amount: number, node: Records = NONE): number {
    const octaves = this.#beyond(channel, amount) - RECORD_OCTAVES;
    if (!(octaves >= 0)) return 0;
    const own = this.records;
    const elsewhere = (node.records + 1) / (node.windows + 2);
    const chance = Math.min(1, (own.records + SHAPE) / (own.windows + SHAPE / elsewhere));
    const mean = (node.octaves + PRIOR_RECORDS * PRIOR_OCTAVES) / (node.records + PRIOR_RECORDS);
    return Math.min(MOST_BITS, -Math.log2(chance) + octaves / (mean * Math.LN2));
  }

  save(): unknown {
    const channels = this.#learnt.map(({ rate, highest, suspects }) => [rate.save(), highest, suspects]);
    return { windows: this.#windows, records: [this.#records, this.#octaves], channels };
  }

  /** @throws TypeError when it is not what `save` gave for as many channels. */
  load(saved: unknown): void {
    const { windows, records, channels } = (saved ?? {}) as Record<string, unknown>;
    if (!isCount(windows) || !Array.isArray(records) || !records.every(isAmount) || !Array.isArray(channels))
      throw new TypeError('not a saved surge model');
    if (channels.length !== this.#channels.length)
      throw new TypeError(`a saved surge model of ${channels.length} channels`);
    this.#learnt = channels.map(loadChannel);
    this.#windows = windows;
    [this.#records = 0, this.#octaves = 0] = records;
  }

  /** One that was strange is learnt by quorum. */
  #ended(i: number, amount: number): void {
    const learnt = this.#learnt[i];
    const octaves = this.#beyond(i, amount) - RECORD_OCTAVES;
    if (learnt === undefined) return;
    if (octaves >= 0 && this.#windows > ENOUGH) {
      const strange = this.bits(i, amount) >= GUARD_BITS;
      this.#records += 1;
      this.#octaves += Math.min(MOST_OCTAVES, octaves);
      if (strange && learnt.suspects.length + 1 < QUORUM) {
        learnt.suspects.push(amount);
        return;
      }
    }
    learnt.highest = Math.max(learnt.highest, Math.min(amount, ...learnt.suspects));
    if (octaves >= 0) learnt.suspects = [];
  }

  /** Octaves beyond the largest so far. */
  #beyond(i: number, amount: number): number {
    const { highest = 0 } = this.#learnt[i] ?? {};
    const nothingMuch = (this.#channels[i]?.material ?? 1) + ANYWAY_S * this.usual(i);
    return Math.log2((Math.min(MOST, amount) + nothingMuch) / (highest + nothingMuch));
  }

  #text(i: number, amount: number): string {
    const { name = '', show = String } = this.#channels[i] ?? {};
    const highest = this.highest(i);
    const usually = highest === 0 ? 'never any before' : `never more than ${show(highest)} before`;
    return `${name} ${show(amount)} more than usual, ${usually}`;
  }
}

const NONE: Records = { windows: 0, records: 0, octaves: 0 };

/** Of all workloads together. */
export function sumOfRecords(all: readonly Records[]): Records {
  const sum = { ...NONE };
  for (const { windows, records, octaves } of all) {
    sum.windows += windows;
    sum.records += records;
    sum.octaves += octaves;
  }
  return sum;
}

/** What a score is worth, bits. */
export const bitsOfSurge = (score: number): number => score * FULL_BITS;

const nothing = (): Learnt => ({ rate: new Level(USUAL), highest: 0, suspects: [] });

const isAmount = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && isAmount(value);

function loadChannel(saved: unknown): Learnt {
  const [usual, highest, suspects] = Array.isArray(saved) ? saved : [];
  if (!isAmount(highest) || !Array.isArray(suspects)) throw new TypeError('not a saved channel');
  if (suspects.length >= QUORUM || !suspects.every(isAmount))
    throw new TypeError('a saved channel with broken suspects');
  const rate = new Level(USUAL);
  rate.load(usual);
  return { rate, highest, suspects: [...suspects] };
}
