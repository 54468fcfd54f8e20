/**
 * The traces a model is built from, and all that is saved of it: everything else is computed from them again. Calls of
 * one workload repeat so much that deflate keeps some hundred thousand in tens of kilobytes, less than their tables.
 *
 * Bounds: traces, calls and bytes of the saved form. When one is reached, traces leave in the order of a hash of their
 * number (reservoir sampling by priorities: what stays is a uniform sample of all that came), and are counted.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { CallName } from './alphabet.ts';
import type { Facts } from './arguments.ts';

export interface Trace {
  readonly calls: readonly CallName[];
  /** Per call, what its arguments were like; absent where they are not known. */
  readonly facts?: Facts;
  /** Traces of one recording or container, which are never apart when the model is tested on itself. */
  readonly group?: string;
}

/** Calls of one trace; the rest of a longer one is cut off. */
export const MOST_PER_TRACE = 20_000;
export const MOST_TRACES = 2000;
export const MOST_CALLS = 400_000;
/** Characters of a name, a fact or a group; what is cut off could only tell apart what an attacker made up. */
const MOST_TEXT = 160;
/** Facts of one call. */
const MOST_FACTS_PER_CALL = 16;
/** Saved text. */
export const MOST_BYTES = 256 * 1024;

export interface SavedSample {
  readonly came: number;
  readonly left: number;
  /** Deflated JSON, base64. */
  readonly packed: string;
}

interface Kept {
  readonly trace: Trace;
  readonly number: number;
}

export class Sample {
  #kept: Kept[] = [];
  #calls = 0;
  #came = 0;
  #left = 0;
  /** What `save` gave, until something changes. */
  #packed: string | null = null;

  /** Traces that came. */
  get came(): number {
    return this.#came;
  }

  /** Traces that a bound pushed out. */
  get left(): number {
    return this.#left;
  }

  get traces(): readonly Trace[] {
    return this.#kept.map(({ trace }) => trace);
  }

  add({ calls, facts, group }: Trace): void {
    const cut = {
      calls: calls.slice(0, MOST_PER_TRACE).map(cutName),
      ...(facts === undefined ? {} : { facts: facts.slice(0, MOST_PER_TRACE).map(cutFacts) }),
      ...(group === undefined ? {} : { group: group.slice(0, MOST_TEXT) }),
    };
    this.#packed = null;
    this.#kept.push({ trace: cut, number: this.#came });
    this.#came += 1;
    this.#calls += cut.calls.length;
    while (this.#kept.length > MOST_TRACES || this.#calls > MOST_CALLS) this.#drop();
  }

  /** Drops traces until what `save` gives is within its bound. */
  shrink(): void {
    for (let over = this.#excess(); over > 1; over = this.#excess()) {
      const target = Math.floor((this.#kept.length / over) * 0.98);
      while (this.#kept.length > target) this.#drop();
    }
  }

  save(): SavedSample {
    return { came: this.#came, left: this.#left, packed: this.#pack() };
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const { came, left, kept } = unpack(saved);
    this.#packed = null;
    this.#kept = kept;
    this.#calls = kept.reduce((sum, { trace }) => sum + trace.calls.length, 0);
    this.#came = came;
    this.#left = left;
  }

  #excess(): number {
    return JSON.stringify(this.save()).length / MOST_BYTES;
  }

  #pack(): string {
    this.#packed ??= deflateRawSync(JSON.stringify(packTraces(this.#kept))).toString('base64');
    return this.#packed;
  }

  #drop(): void {
    let last = 0;
    this.#kept.forEach(({ number }, at) => {
      if (priority(number) > priority(this.#kept[last]?.number ?? 0)) last = at;
    });
    const [gone] = this.#kept.splice(last, 1);
    this.#calls -= gone?.trace.calls.length ?? 0;
    this.#left += 1;
    this.#packed = null;
  }
}

const cutName = (name: CallName): CallName => (typeof name === 'string' ? name.slice(0, MOST_TEXT) : name);
const cutFacts = (facts: readonly string[]): string[] =>
  facts.slice(0, MOST_FACTS_PER_CALL).map((fact) => fact.slice(0, MOST_TEXT));

/** A fixed hash of the number of the trace: chance without a generator. */
function priority(number: number): number {
  let hash = Math.imul(number + 1, 0x9e37_79b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** Names once, then lists of their places. */
interface Packed {
  readonly names: readonly CallName[];
  readonly facts: readonly string[];
  /** Number, group, calls, facts per call or null. */
  readonly traces: readonly (readonly [
    number,
    string | null,
    readonly number[],
    readonly (readonly number[])[] | null,
  ])[];
}

function packTraces(kept: readonly Kept[]): Packed {
  const names = new Map<CallName, number>();
  const facts = new Map<string, number>();
  const place = <T>(of: Map<T, number>, value: T): number => {
    const known = of.get(value);
    if (known !== undefined) return known;
    of.set(value, of.size);
    return of.size - 1;
  };
  const traces = kept.map(({ number, trace }) => {
    const calls = trace.calls.map((call) => place(names, call));
    const told = trace.facts?.map((list) => list.map((fact) => place(facts, fact))) ?? null;
    return [number, trace.group ?? null, calls, told] as const;
  });
  return { names: [...names.keys()], facts: [...facts.keys()], traces };
}

const broken = (): TypeError => new TypeError('not a saved sample of traces');
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === 'string';
const isList = (value: unknown): value is unknown[] => Array.isArray(value);

function unpack(saved: unknown): { came: number; left: number; kept: Kept[] } {
  const { came, left, packed } = (saved ?? {}) as Record<string, unknown>;
  if (!isCount(came) || !isCount(left) || !isText(packed) || packed.length > MOST_BYTES) throw broken();
  const { names, facts, traces } = inflate(packed);
  if (!isList(names) || !isList(facts) || !isList(traces)) throw broken();
  if (!names.every((name) => isText(name) || isCount(name)) || !facts.every(isText)) throw broken();
  const lists = { names: names as CallName[], facts: facts as string[] };
  const kept = traces.map((row) => unpackTrace(row, lists));
  if (kept.length > MOST_TRACES) throw broken();
  return { came, left, kept };
}

/** A bomb of zeros would otherwise unfold to gigabytes. */
const MOST_UNPACKED = 64 * 1024 * 1024;

function inflate(packed: string): Partial<Record<keyof Packed, unknown>> {
  try {
    const text = inflateRawSync(Buffer.from(packed, 'base64'), { maxOutputLength: MOST_UNPACKED });
    return (JSON.parse(text.toString()) ?? {}) as Partial<Record<keyof Packed, unknown>>;
  } catch {
    throw broken();
  }
}

function unpackTrace(row: unknown, lists: { names: CallName[]; facts: string[] }): Kept {
  if (!isList(row)) throw broken();
  const [number, group, calls, facts] = row;
  if (!isCount(number) || !(group === null || isText(group)) || !isList(calls)) throw broken();
  const at = <T>(list: readonly T[], place: unknown): T => {
    const value = isCount(place) ? list[place] : undefined;
    if (value === undefined) throw broken();
    return value;
  };
  const trace = {
    calls: calls.map((place) => at(lists.names, place)),
    ...(group === null ? {} : { group }),
  };
  if (facts === null) return { number, trace };
  if (!isList(facts)) throw broken();
  const told = facts.map((list) => {
    if (!isList(list)) throw broken();
    return list.map((place) => at(lists.facts, place));
  });
  return { number, trace: { ...trace, facts: told } };
}
