/** A baseline as `profile export` gives it, as far as the command line reads it. */

export interface KnownFacts {
  readonly phase: 'steady' | 'start';
  readonly kind: string;
  readonly periods: number;
  readonly evicted: number;
  /** `versions`: bits of those that showed it. */
  readonly values: readonly { readonly value: string; readonly seen: number; readonly versions: number }[];
}

/** A version of the workload's image. */
export interface KnownVersion {
  readonly digest: string;
  readonly bit: number;
  /** Bits of those that it inherits from. */
  readonly parents: number;
  readonly from: string;
  readonly periods: number;
  readonly starts: number;
}

export interface Profile {
  readonly metadata: { readonly name: string; readonly generation: number; readonly previous: string };
  readonly facts: readonly KnownFacts[];
  /** kind, value, periods */
  readonly suspects: readonly (readonly [string, string, number])[];
  readonly admitted: {
    readonly count: number;
    readonly latest: readonly (readonly [string, string, number])[];
  };
  readonly pinned: boolean;
  readonly bytes: number;
  /** Digest of the one in force; empty: none is known. */
  readonly current: string;
  /** The latest used last. */
  readonly versions: readonly KnownVersion[];
}

type Fields = Record<string, unknown>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function factsOf(phase: 'steady' | 'start', of: unknown): KnownFacts[] {
  return Object.entries(fieldsOf(of)).map(([kind, model]) => {
    const { periods, evicted, facts } = fieldsOf(model);
    const values = listOf(facts).map((fact) => {
      const [value, seen, , , versions = 1] = listOf(fact);
      return { value: String(value), seen: Number(seen), versions: Number(versions) };
    });
    return { phase, kind, periods: Number(periods), evicted: Number(evicted), values };
  });
}

const triple = (entry: unknown): readonly [string, string, number] => {
  const [kind, value, periods] = listOf(entry);
  return [String(kind), String(value), Number(periods)];
};

function versionOf(entry: unknown): KnownVersion {
  const [digest, bit, parents, from, , counts] = listOf(entry);
  const [periods, starts] = listOf(counts);
  return {
    digest: String(digest),
    bit: Number(bit),
    parents: Number(parents),
    from: String(from ?? ''),
    periods: Number(periods),
    starts: Number(starts),
  };
}

/** @throws Error when it is no baseline. */
export function asProfile(document: unknown): Profile {
  const { kind, metadata, spec } = fieldsOf(document);
  const { name, generation, previous } = fieldsOf(metadata);
  if (kind !== 'PicketProfile' || typeof name !== 'string')
    throw new Error('not a baseline that picket wrote');
  const { steady, start, suspects, admitted, pinned, versions } = fieldsOf(spec);
  const { current, all } = fieldsOf(versions);
  const [count, latest] = listOf(admitted);
  return {
    metadata: { name, generation: Number(generation), previous: String(previous ?? '') },
    facts: [...factsOf('steady', steady), ...factsOf('start', start)].filter(
      ({ values }) => values.length > 0,
    ),
    suspects: listOf(suspects).map(triple),
    admitted: { count: Number(count ?? 0), latest: listOf(latest).map(triple) },
    pinned: pinned === true,
    bytes: Buffer.byteLength(JSON.stringify(document)),
    current: typeof current === 'string' ? current : '',
    versions: listOf(all).map(versionOf),
  };
}
