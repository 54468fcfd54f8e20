/**
 * *access*: somebody tries doors. A password that is guessed is a connection, or a program, that ends sooner than those of
 * people who have it: few bytes, a failure as exit code, and another one right after it. What passes a door each day is
 * learnt for each of them, so that a probe that connects every ten seconds, a pool that connects anew and a script whose
 * commands fail are ordinary, and only what is cut short, many times more than ever, is not.
 *
 * Doors are listening ports, peers that are called, programs that end with a failure, ends that did not answer, and
 * refusals. Their tries within a window, a minute and ten minutes are compared with those of the workload's history, so
 * that who is patient adds up as well. A door that is too young is judged by the busiest of its kind.
 *
 * The score is its bits over FULL_BITS: of the strangest door and span, less one for each doubling of the doors looked at.
 * Replicas share it. Memory: MAX_DOORS doors of at most 900 bytes; those used longest ago leave first.
 */
import type { Detector, Part, Score } from '../detector.ts';
import { Door, type DoorKind, type DoorNow, SPANS } from './door.ts';

export interface AccessWindow {
  readonly doors: readonly DoorNow[];
}

/** What one window teaches. */
export interface AccessLearnt extends AccessWindow {
  /** By span, whether a block ended with it; the first span's always does. */
  readonly ended: readonly boolean[];
}

/** Bits of a score of 1. */
const FULL_BITS = 32;
const MAX_DOORS = 64;
const MAX_NAME = 80;
/** Until then nothing is said: 4 minutes of windows of 5 s. */
const ENOUGH = 48;
/** Fewer are a client that tries again, or a probe every ten seconds, which makes six a minute. By span. */
const LEAST: Readonly<Record<DoorKind, readonly number[]>> = {
  accept: [8, 8, 75],
  connect: [8, 8, 75],
  failed: [4, 8, 75],
  scan: [5, 5, 10],
  refused: [8, 8, 75],
};
/** What a connection carries while the door is not known: a refused password over TLS is less. */
const SHORT_BYTES = 8 * 1024;
/** Of a connection with a password in it, both ways. */
const LEAST_BYTES = 16;
/** So many times the share that is cut short anyway is still ordinary. */
const ORDINARY = 2;
/** A door with less explains nothing. */
const LEAST_BITS = 4;
const SHOWN = 3;
const MAX_BYTES = 48 * 1024;

interface Looked {
  readonly door: DoorNow;
  readonly span: number;
  readonly bits: number;
  readonly usual: number;
}

const bounded = (key: string): string => key.slice(0, MAX_NAME);
const keyOf = ({ kind, name }: Pick<DoorNow, 'kind' | 'name'>): string => bounded(`${kind} ${name}`);
/** All doors of a kind. */
const anyOf = (kind: DoorKind): string => `${kind} *`;

export class Access implements Detector<AccessLearnt, AccessWindow> {
  readonly name = 'access';
  readonly maxBytes = MAX_BYTES;
  /** Blocks learnt, by span; those of the first are windows. */
  #blocks: readonly number[] = SPANS.map(() => 0);
  #doors = new Map<string, Door>();

  /** Windows. */
  get learnt(): number {
    return this.#blocks[0] ?? 0;
  }

  /**
   * Of so many connections those that what they carried does not account for: so many of the usual kind would have carried
   * as much. Without knowledge of the door all, when they carry little. Who carries nothing has tried no password.
   */
  cutShort(kind: DoorKind, name: string, { tries, bytes }: { tries: number; bytes: number }): number {
    if (bytes < tries * LEAST_BYTES) return 0;
    const usual = this.#doors.get(keyOf({ kind, name }))?.usualBytes ?? null;
    if (usual !== null) return Math.max(0, tries - bytes / usual);
    return bytes / Math.max(1, tries) <= SHORT_BYTES ? tries : 0;
  }

  /** Of so many connections those that are cut short anyway: with more load there are more of them. */
  ordinary(kind: DoorKind, name: string, tries: number): number {
    return ORDINARY * (this.#doors.get(keyOf({ kind, name }))?.shortShare ?? 0) * tries;
  }

  learn({ ended, doors }: AccessLearnt): void {
    this.#blocks = this.#blocks.map((count, i) => count + (ended[i] ? 1 : 0));
    const most = new Map<DoorKind, number[]>();
    for (const door of doors) {
      if (door.name !== '') this.#doorOf(keyOf(door)).learn(door);
      const known = most.get(door.kind) ?? [];
      const highest = SPANS.map((_, i) => Math.max(known[i] ?? 0, door.sums[i] ?? 0));
      most.set(door.kind, highest);
    }
    for (const [kind, sums] of most)
      this.#doorOf(anyOf(kind)).learn({ sums, bytes: null, tries: 0, short: 0 });
  }

  score({ doors }: AccessWindow): Score {
    if (this.learnt < ENOUGH)
      return { state: 'unknown', reason: `${this.learnt} of ${ENOUGH} windows learnt` };
    const looked = this.#lookAt(doors);
    const [first] = looked;
    const doubled = Math.log2(Math.max(1, new Set(looked.map(({ door }) => door)).size));
    const bits = first === undefined ? 0 : Math.max(0, first.bits - doubled);
    const named = looked.filter(({ bits: own }) => own >= LEAST_BITS).slice(0, SHOWN);
    return {
      state: 'scored',
      score: Math.min(1, bits / FULL_BITS),
      reason:
        named.length === 0
          ? 'No door is tried more than ever.'
          : `As strange as one time in ${Math.round(2 ** bits)}, of ${this.learnt} windows learnt.`,
      parts: named.map((one): Part => ({ what: textOf(one), share: Math.min(1, one.bits / FULL_BITS) })),
    };
  }

  /** How strange a door is, were it the only one, however few its tries. */
  bits(door: DoorNow): number {
    const known = this.#knownOf(door);
    return Math.max(0, ...SPANS.map((_, i) => known?.bits(i, door.sums[i] ?? 0, this.#blocks[i] ?? 0) ?? 0));
  }

  /** The door that makes the score; null: none is tried more than ever. */
  strangest({ doors }: AccessWindow): DoorNow | null {
    return this.#lookAt(doors)[0]?.door ?? null;
  }

  save(): unknown {
    const doors = [...this.#doors].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return { blocks: this.#blocks, doors: doors.map(([name, door]) => door.save(name)) };
  }

  load(saved: unknown): void {
    const { blocks, doors } = (saved ?? {}) as Record<string, unknown>;
    if (!Array.isArray(blocks) || blocks.length !== SPANS.length || !blocks.every(Number.isSafeInteger))
      throw new TypeError('not a saved access model');
    if (!Array.isArray(doors)) throw new TypeError('a saved access model without doors');
    const read = new Map<string, Door>();
    for (const entry of doors.slice(0, MAX_DOORS)) {
      const [name, ...rest] = Array.isArray(entry) ? entry : [];
      if (typeof name !== 'string') throw new TypeError('a saved door without a name');
      const door = new Door();
      door.load([name, ...rest]);
      read.set(bounded(name), door);
    }
    this.#blocks = [...blocks];
    this.#doors = read;
  }

  /** Each door and span that is tried enough, the strangest first. */
  #lookAt(doors: readonly DoorNow[]): Looked[] {
    return doors.flatMap((door) => this.#look(door)).toSorted((a, b) => b.bits - a.bits);
  }

  #look(door: DoorNow): Looked[] {
    const known = this.#knownOf(door) ?? new Door();
    return SPANS.flatMap((_, span): Looked[] => {
      const [sum, blocks] = [door.sums[span] ?? 0, this.#blocks[span] ?? 0];
      if (sum < (LEAST[door.kind][span] ?? 0)) return [];
      return [{ door, span, bits: known.bits(span, sum, blocks), usual: known.usual(span, blocks) }];
    });
  }

  /** By its own history, of which what was before it is known are empty blocks; while it is new by that of its kind. */
  #knownOf(door: DoorNow): Door | undefined {
    const own = this.#doors.get(keyOf(door));
    return own !== undefined && this.learnt - own.since >= ENOUGH ? own : this.#doors.get(anyOf(door.kind));
  }

  #doorOf(name: string): Door {
    const door = this.#doors.get(name) ?? new Door();
    if (!this.#doors.has(name)) door.since = this.learnt;
    door.used = this.learnt;
    this.#doors.set(name, door);
    if (this.#doors.size > MAX_DOORS) this.#makeRoom(name);
    return door;
  }

  /** The longest unused leaves, of equals the one first in order: so it is the same after a load. */
  #makeRoom(staying: string): void {
    const [leaving] = [...this.#doors]
      .filter(([name]) => name !== staying)
      .toSorted(([a, x], [b, y]) => x.used - y.used || (a < b ? -1 : 1));
    if (leaving !== undefined) this.#doors.delete(leaving[0]);
  }
}

/** What a score is worth, bits. */
export const bitsOfAccess = (score: number): number => score * FULL_BITS;

const WHAT: Readonly<Record<DoorKind, (count: string, name: string) => string>> = {
  accept: (count, name) => `${count} connections to its port ${name} that were cut short`,
  connect: (count, name) => `${count} connections to ${name} that were cut short`,
  failed: (count, name) => `${count} runs of ${name} that ended with a failure`,
  scan: (count) => `${count} calls to new ends that did not answer`,
  refused: (count) => `${count} refused attempts at what it may not do`,
};

function textOf({ door, span, usual }: Looked): string {
  const count = String(Math.round(door.sums[span] ?? 0));
  const seconds = SPANS[span] ?? 0;
  const when = seconds === 0 ? 'in one window' : `in ${seconds / 60} min`;
  return `${WHAT[door.kind](count, door.name)} ${when}, usually ${Math.round(usual)}`;
}
