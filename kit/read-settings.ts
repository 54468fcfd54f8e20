/**
 * Settings from flags, environment and one YAML file, in that order of precedence, checked together.
 * A setting is one row; the row's name is its flag (`--window`), its environment variable (`PICKET_WINDOW`) and
 * its key in the file (`window:`).
 */
import { createRequire } from 'node:module';

interface RowBase<T> {
  readonly default: T;
  /** What it does, in one sentence; printed in help and checked against the README. */
  readonly sentence: string;
  /** Never printed or written to a recording. */
  readonly secret?: boolean;
}
export interface TextRow extends RowBase<string> {
  readonly type: 'text';
  readonly pattern?: RegExp;
}
export interface ChoiceRow<C extends string = string> extends RowBase<C> {
  readonly type: 'choice';
  readonly choices: readonly C[];
}
export interface NumberRow extends RowBase<number> {
  readonly type: 'number' | 'integer' | 'milliseconds' | 'bytes';
  readonly min: number;
  readonly max: number;
}
export interface BooleanRow extends RowBase<boolean> {
  readonly type: 'boolean';
}
export interface ListRow extends RowBase<readonly string[]> {
  readonly type: 'list';
}
export type Row = TextRow | ChoiceRow | NumberRow | BooleanRow | ListRow;
export type Rows = Readonly<Record<string, Row>>;

type ValueOf<R extends Row> =
  R extends ChoiceRow<infer C>
    ? C
    : R extends NumberRow
      ? number
      : R extends BooleanRow
        ? boolean
        : R extends ListRow
          ? readonly string[]
          : string;

/** Values by row name, frozen. */
export type Settings<R extends Rows> = { readonly [K in keyof R]: ValueOf<R[K]> };

export interface Sources {
  /** Flag values by row name, as typed: `{ 'window': '5s' }`; `true` for a flag without a value. */
  readonly flags: Readonly<Record<string, string | true>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** YAML text and where it came from, or null. */
  readonly file: { readonly path: string; readonly text: string } | null;
}

/** All violations at once; `message` lists them, one a line. */
export class SettingsError extends Error {
  readonly code = 'PICKET_SETTINGS';
  readonly violations: readonly string[];
  constructor(violations: readonly string[]) {
    super(`settings: ${violations.length} problem(s)\n${violations.map((v) => `  ${v}`).join('\n')}`);
    this.name = 'SettingsError';
    this.violations = violations;
  }
}

const UNITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  milliseconds: { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  bytes: { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 },
};

/** `PICKET_` variable of a row: `alert-log` → `PICKET_ALERT_LOG`. */
export function environmentName(name: string): string {
  return `PICKET_${name.replaceAll('-', '_').toUpperCase()}`;
}

function parseNumber(row: NumberRow, raw: unknown): number | string {
  if (typeof raw === 'number' && (row.type === 'number' || row.type === 'integer' || row.type === 'bytes'))
    return raw;
  const text = String(raw).trim();
  const units = UNITS[row.type];
  // Nothing is as long in any unit.
  if (row.type === 'milliseconds' && text === '0') return 0;
  if (units === undefined) return text === '' ? Number.NaN : Number(text);
  const match = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(text);
  const unit = units[(match?.[2] ?? '?').toLowerCase().replace(/i?b$/, '')];
  if (match === null || unit === undefined) {
    return row.type === 'bytes' ? 'a size such as 64m' : 'a duration with its unit, such as 5s or 10m';
  }
  return Number(match[1]) * unit;
}

/** The value, or what was wanted instead. */
function parse(row: Row, raw: unknown): { value: unknown } | { wanted: string } {
  switch (row.type) {
    case 'text': {
      if (typeof raw === 'object') return { wanted: 'text' };
      const value = String(raw);
      return row.pattern && !row.pattern.test(value)
        ? { wanted: `text that matches ${row.pattern.source}` }
        : { value };
    }
    case 'choice':
      return row.choices.includes(String(raw))
        ? { value: String(raw) }
        : { wanted: `one of ${row.choices.join(', ')}` };
    case 'boolean': {
      if (raw === true || raw === 'true' || raw === '1' || raw === 'yes') return { value: true };
      if (raw === false || raw === 'false' || raw === '0' || raw === 'no') return { value: false };
      return { wanted: 'true or false' };
    }
    case 'list': {
      if (Array.isArray(raw)) return { value: Object.freeze(raw.map(String)) };
      if (typeof raw === 'object') return { wanted: 'a list' };
      const parts = String(raw)
        .split(',')
        .map((part) => part.trim());
      return { value: Object.freeze(parts.filter((part) => part !== '')) };
    }
    default: {
      const value = parseNumber(row, raw);
      if (typeof value === 'string') return { wanted: value };
      const whole = row.type === 'number' || Number.isInteger(value);
      if (Number.isFinite(value) && whole && value >= row.min && value <= row.max) return { value };
      return { wanted: `${row.type} from ${row.min} to ${row.max}` };
    }
  }
}

function readFile(file: Sources['file'], violations: string[]): Record<string, unknown> {
  if (file === null) return {};
  // Loaded where there is a file: the agent's memory is counted, and the parser is 4 MB.
  const { parseDocument } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const document = parseDocument(file.text);
  for (const error of document.errors) violations.push(`${file.path}: ${error.message.split('\n')[0]}`);
  if (document.errors.length > 0) return {};
  const value: unknown = document.toJS();
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    violations.push(`${file.path}: the file must be a mapping of setting names to values`);
    return {};
  }
  return value as Record<string, unknown>;
}

const show = (row: Row, raw: unknown): string => (row.secret ? '(secret)' : JSON.stringify(raw));

/**
 * Reads every row. Unknown flags, unknown keys of the file and unknown PICKET_ variables are violations.
 * @throws SettingsError with every violation found.
 */
export function readSettings<R extends Rows>(rows: R, sources: Sources): Settings<R> {
  const violations: string[] = [];
  const file = readFile(sources.file, violations);
  const names = new Set(Object.keys(rows));
  const variables = new Set([...names].map(environmentName));
  for (const name of Object.keys(sources.flags))
    if (!names.has(name)) violations.push(`--${name}: no such setting`);
  for (const name of Object.keys(file))
    if (!names.has(name)) violations.push(`${sources.file?.path}: ${name}: no such setting`);
  for (const name of Object.keys(sources.environment)) {
    if (name.startsWith('PICKET_') && !name.startsWith('PICKET_INTERNAL_') && !variables.has(name))
      violations.push(`${name}: no such setting`);
  }
  const values: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(rows)) {
    const variable = environmentName(name);
    const given: [string, unknown] | null =
      sources.flags[name] !== undefined
        ? [`--${name}`, sources.flags[name]]
        : sources.environment[variable] !== undefined
          ? [variable, sources.environment[variable]]
          : file[name] !== undefined
            ? [`${sources.file?.path}: ${name}`, file[name]]
            : null;
    values[name] = row.default;
    if (given === null) continue;
    const result = parse(row, given[1]);
    if ('value' in result) values[name] = result.value;
    else violations.push(`${given[0]}: ${show(row, given[1])} is not ${result.wanted}`);
  }
  if (violations.length > 0) throw new SettingsError(violations);
  return Object.freeze(values) as Settings<R>;
}
