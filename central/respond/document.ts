/** Reads a document field by field and collects what is wrong with it, each with its path and the value found. */

export interface Field<V = unknown> {
  readonly path: string;
  readonly value: V;
}
export type Mapping = Field<Readonly<Record<string, unknown>>>;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** `10m` in ms, or null. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  return match === null ? null : Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN);
}

/** Each method returns a value of its type whatever was there; `missing` null means that the field must be there. */
export class Reader {
  private readonly where: string;
  private readonly violations: string[];
  constructor(where: string, violations: string[]) {
    this.where = where;
    this.violations = violations;
  }
  violation(field: Field, sentence: string): void {
    this.violations.push(`${this.where}: ${field.path === '' ? '' : `${field.path}: `}${sentence}`);
  }
  wanted(field: Field, what: string): void {
    const found =
      field.value === undefined ? 'missing' : `${JSON.stringify(field.value)?.slice(0, 80)} is not`;
    this.violation(field, field.value === undefined ? `missing; wanted ${what}` : `${found} ${what}`);
  }
  private read<T>(
    field: Field,
    what: string,
    missing: T | null,
    parse: (value: unknown) => T | null,
  ): T | null {
    if (field.value === undefined && missing !== null) return missing;
    const value = field.value === undefined ? null : parse(field.value);
    if (value === null) this.wanted(field, what);
    return value;
  }
  text(field: Field, missing: string | null): string {
    const parse = (value: unknown): string | null =>
      typeof value === 'string' && value !== '' ? value : null;
    return this.read(field, 'a text', missing, parse) ?? '';
  }
  name(field: Field): string {
    const parse = (value: unknown): string | null =>
      typeof value === 'string' && NAME.test(value) ? value : null;
    return this.read(field, 'a name of a-z 0-9 . -', null, parse) ?? '';
  }
  boolean(field: Field, missing: boolean): boolean {
    const parse = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null);
    return this.read(field, 'true or false', missing, parse) ?? missing;
  }
  integer(field: Field, [from, to]: readonly [number, number], missing: number): number {
    const parse = (value: unknown): number | null =>
      typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to ? value : null;
    return this.read(field, `a whole number from ${from} to ${to}`, missing, parse) ?? missing;
  }
  choice<C extends string>(field: Field, choices: readonly [C, ...C[]] | readonly C[], missing: C | null): C {
    const parse = (value: unknown): C | null => choices.find((choice) => choice === value) ?? null;
    return this.read(field, `one of ${choices.join(', ')}`, missing, parse) ?? (choices[0] as C);
  }
  duration(field: Field, bounds: { minMs: number; maxMs: number }, missing: number): number {
    const parse = (value: unknown): number | null => {
      const ms = typeof value === 'string' ? parseDuration(value) : null;
      return ms !== null && ms >= bounds.minMs && ms <= bounds.maxMs ? ms : null;
    };
    return (
      this.read(field, `a duration such as 10m, up to ${bounds.maxMs / 86_400_000}d`, missing, parse) ??
      missing
    );
  }
  /** Unix time, ms, of an RFC 3339 time; null when there is none. */
  time(field: Field): number | null {
    if (field.value === undefined) return null;
    const ms =
      typeof field.value === 'string' && /^\d{4}-\d\d-\d\d/.test(field.value)
        ? Date.parse(field.value)
        : Number.NaN;
    if (Number.isNaN(ms)) this.wanted(field, 'a time such as 2026-12-31T00:00:00Z');
    return Number.isNaN(ms) ? null : ms;
  }
}

export function at(field: Mapping, key: string): Field {
  return { path: field.path === '' ? key : `${field.path}.${key}`, value: field.value[key] };
}

/** A mapping that has no other keys than `known` (null: any); a missing one is empty. */
export function mapping(reader: Reader, field: Field, known: readonly string[] | null): Mapping {
  const { path, value } = field;
  if (value === undefined) return { path, value: {} };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    reader.wanted(field, 'a mapping');
    return { path, value: {} };
  }
  const entries = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(entries))
    if (known !== null && !known.includes(key))
      reader.violation(
        { path: path === '' ? key : `${path}.${key}`, value: null },
        `no such field; there are ${known.join(', ')}`,
      );
  return { path, value: entries };
}

export function list(reader: Reader, field: Field, missing: readonly string[]): readonly string[] {
  if (field.value === undefined) return missing;
  if (Array.isArray(field.value) && field.value.every((entry) => typeof entry === 'string' && entry !== ''))
    return field.value as string[];
  reader.wanted(field, 'a list of texts');
  return missing;
}
