/** A baseline as `profile export` gives it, as far as the command line reads it. */

export interface KnownFacts {
  readonly phase: 'steady' | 'start';
  readonly kind: string;
  readonly periods: number;
  readonly evicted: number;
  readonly values: readonly { readonly value: string; readonly seen: number }[];
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
}

type Fields = Record<string, unknown>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function factsOf(phase: 'steady' | 'start', of: unknown): KnownFacts[] {
  return Object.entries(fieldsOf(of)).map(([kind, model]) => {
    const { periods, evicted, facts } = fieldsOf(model);
    const values = listOf(facts).map((fact) => {
      const [value, seen] = listOf(fact);
      return { value: String(value), seen: Number(seen) };
    });
    return { phase, kind, periods: Number(periods), evicted: Number(evicted), values };
  });
}

const triple = (entry: unknown): readonly [string, string, number] => {
  const [kind, value, periods] = listOf(entry);
  return [String(kind), String(value), Number(periods)];
};

/** @throws Error when it is no baseline. */
export function asProfile(document: unknown): Profile {
  const { kind, metadata, spec } = fieldsOf(document);
  const { name, generation, previous } = fieldsOf(metadata);
  if (kind !== 'PicketProfile' || typeof name !== 'string')
    throw new Error('not a baseline that picket wrote');
  const { steady, start, suspects, admitted, pinned } = fieldsOf(spec);
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
  };
}
