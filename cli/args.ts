/** What a command declares, the reading of its arguments, and its help: all three from one declaration. */
import type { Row, Rows } from '../kit/read-settings.ts';
import { util } from '../kit/util.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  found: 4,
} as const;

export interface Flag {
  /** Name of the value in the help, such as SECONDS; absent: a flag without a value. */
  readonly value?: string;
  readonly sentence: string;
}

export interface CommandShape {
  readonly name: string;
  /** Positional arguments as the help shows them, such as `INCIDENT`; `[ID]` may be left out. */
  readonly takes: readonly string[];
  /** One sentence. */
  readonly sentence: string;
  readonly flags: Readonly<Record<string, Flag>>;
  /** Settings that it takes as flags. */
  readonly settings: 'agent' | 'central' | 'all' | 'none';
  readonly examples: readonly string[];
}

export interface Parsed {
  readonly positionals: readonly string[];
  /** The command's own flags. */
  readonly flags: Readonly<Record<string, string | true>>;
  /** Flags that are settings. */
  readonly settings: Readonly<Record<string, string | true>>;
  readonly json: boolean;
  readonly help: boolean;
}

/** Wrong arguments; the message says which, the caller adds how to get help. */
export class UsageError extends Error {
  readonly code = 'PICKET_USAGE';
}

const COMMON: Readonly<Record<string, Flag>> = {
  help: { sentence: 'Print this and do nothing.' },
  json: { sentence: 'Print JSON instead of text.' },
};

/** A boolean setting needs no value: `--containment` is `--containment=true`. */
const takesValue = (flag: Flag | undefined, row: Row | undefined): boolean =>
  flag !== undefined ? flag.value !== undefined : row !== undefined && row.type !== 'boolean';

/** The declared name nearest to a mistyped one, or null when none is near. */
export function nearest(name: string, names: readonly string[]): string | null {
  const close = names
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return close !== undefined && close.distance <= Math.max(1, Math.floor(name.length / 3))
    ? close.candidate
    : null;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function checkPositionals(shape: CommandShape, positionals: readonly string[]): void {
  const needed = shape.takes.filter((name) => !name.startsWith('['));
  if (positionals.length < needed.length)
    throw new UsageError(`${shape.name}: ${needed[positionals.length]} is missing`);
  if (positionals.length > shape.takes.length)
    throw new UsageError(
      `${shape.name}: unexpected argument ${JSON.stringify(positionals[shape.takes.length])}`,
    );
}

/** @throws UsageError for an unknown flag, a missing value, a missing or extra argument. */
export function parse(shape: CommandShape, rows: Rows, argv: readonly string[]): Parsed {
  const own = { ...COMMON, ...shape.flags };
  const names = [...Object.keys(own), ...Object.keys(rows)];
  const options = Object.fromEntries(
    names.map((name) => [name, { type: takesValue(own[name], rows[name]) ? 'string' : 'boolean' } as const]),
  );
  const { tokens } = util.parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const found = { flags: {} as Record<string, string | true>, settings: {} as Record<string, string | true> };
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const name = token.rawName === '-h' ? 'help' : token.name;
    const into = own[name] ? found.flags : rows[name] ? found.settings : null;
    if (into === null) throw new UsageError(unknownFlag(shape, token.rawName, names));
    if (takesValue(own[name], rows[name]) && token.value === undefined)
      throw new UsageError(`${shape.name}: ${token.rawName} needs a value`);
    if (own[name] && !own[name].value && token.value !== undefined)
      throw new UsageError(`${shape.name}: ${token.rawName} takes no value`);
    into[name] = token.value ?? true;
  }
  const { help, json, ...flags } = found.flags;
  if (help !== true) checkPositionals(shape, positionals);
  return { positionals, flags, settings: found.settings, json: json === true, help: help === true };
}

function unknownFlag(shape: CommandShape, rawName: string, names: readonly string[]): string {
  const meant = nearest(rawName.replace(/^-+/, ''), names);
  return `${shape.name}: no flag ${rawName}${meant === null ? '' : `; did you mean --${meant}?`}`;
}

const VALUE_NAMES: Readonly<Record<Row['type'], string>> = {
  text: 'TEXT',
  choice: 'ONE',
  number: 'NUMBER',
  integer: 'NUMBER',
  milliseconds: 'DURATION',
  bytes: 'SIZE',
  boolean: '',
  list: 'A,B',
};

function showDefault(row: Row): string {
  if (row.type === 'milliseconds') return showDuration(row.default);
  if (row.type === 'bytes') return showSize(row.default);
  return Array.isArray(row.default) ? row.default.join(',') : String(row.default);
}

/** Milliseconds in the largest unit that divides them: `10m`. */
export function showDuration(ms: number): string {
  const units: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ];
  const unit = units.find(([, size]) => ms >= size && ms % size === 0);
  return unit ? `${ms / unit[1]}${unit[0]}` : `${ms}ms`;
}

function showSize(bytes: number): string {
  const units: [string, number][] = [
    ['g', 1024 ** 3],
    ['m', 1024 ** 2],
    ['k', 1024],
  ];
  const unit = units.find(([, size]) => bytes >= size && bytes % size === 0);
  return unit ? `${bytes / unit[1]}${unit[0]}` : String(bytes);
}

const line = (left: string, sentence: string): string =>
  left.length > 26 ? `  ${left}\n  ${' '.repeat(26)}  ${sentence}` : `  ${left.padEnd(26)}  ${sentence}`;

function rowLine(name: string, row: Row): string {
  const value = row.type === 'choice' ? row.choices.join('|') : VALUE_NAMES[row.type];
  const standard = showDefault(row);
  return line(
    `--${name}${value ? ` ${value}` : ''}`,
    `${row.sentence}${standard === '' ? '' : ` [${standard}]`}`,
  );
}

/** Usage, sentence, flags, settings, examples. */
export function commandHelp(shape: CommandShape, rows: Rows): string {
  const flags = Object.entries({ ...shape.flags, ...COMMON }).map(([name, flag]) =>
    line(`--${name}${flag.value ? ` ${flag.value}` : ''}`, flag.sentence),
  );
  const settings = Object.entries(rows).map(([name, row]) => rowLine(name, row));
  return [
    `picket ${[shape.name, ...shape.takes].join(' ')} [flags]`,
    '',
    shape.sentence,
    '',
    'Flags:',
    ...flags,
    ...(settings.length > 0
      ? [
          '',
          'Settings (also as PICKET_NAME in the environment, and as name: in the file of --config):',
          ...settings,
        ]
      : []),
    '',
    'Examples:',
    ...shape.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}
