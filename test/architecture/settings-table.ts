/** The README's settings table, made from the rows; run as a program (`npm run fix`) it writes the table. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentRows } from '../../agent/settings.ts';
import { centralRows } from '../../central/settings.ts';
import type { Row } from '../../kit/read-settings.ts';
import { sharedRows } from '../../kit/shared-settings.ts';
import { root } from './sources.ts';

const BEGIN = '<!-- settings -->';
const END = '<!-- /settings -->';

/** As one would write it in the file: `5s`, `64m`, `shadow,gshadow`. */
function written(row: Row): string {
  if (row.type === 'milliseconds')
    return scaled(row.default, [
      ['d', 86_400_000],
      ['h', 3_600_000],
      ['m', 60_000],
      ['s', 1000],
      ['ms', 1],
    ]);
  if (row.type === 'bytes')
    return scaled(row.default, [
      ['g', 1024 ** 3],
      ['m', 1024 ** 2],
      ['k', 1024],
      ['', 1],
    ]);
  if (row.type === 'list') return row.default.join(',');
  return String(row.default);
}

/** In the largest unit that divides it. */
function scaled(value: number, units: readonly (readonly [string, number])[]): string {
  const [unit = '', size = 1] = units.find(([, each]) => value !== 0 && value % each === 0) ?? [];
  return `${value / size}${unit}`;
}

export function settingsTable(): string {
  const groups: readonly (readonly [string, Readonly<Record<string, Row>>])[] = [
    ['both', sharedRows],
    ['agent', agentRows],
    ['central', centralRows],
  ];
  const seen = new Set<string>();
  const lines = ['| setting | read by | default | what it does |', '| --- | --- | --- | --- |'];
  for (const [process, rows] of groups) {
    for (const [name, row] of Object.entries(rows)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const value = written(row);
      lines.push(
        `| \`${name}\` | ${process} | ${value === '' ? '' : `\`${value}\``} | ${row.sentence.replaceAll('|', '\\|')} |`,
      );
    }
  }
  return lines.join('\n');
}

/** The text with the table between its two marks; unchanged where there are none. */
export function withTable(text: string): string {
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from === -1 || to < from) return text;
  return `${text.slice(0, from + BEGIN.length)}\n\n${settingsTable()}\n\n${text.slice(to)}`;
}

if (import.meta.main) {
  const path = join(root, 'README.md');
  writeFileSync(path, withTable(readFileSync(path, 'utf8')));
}
