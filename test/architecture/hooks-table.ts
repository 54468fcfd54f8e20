/** The table of hooks in cli/doctor/README.md, made from the rows; run as a program (`npm run fix`) it writes the table. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOOKS } from '../../cli/doctor/hooks.ts';
import { root } from './sources.ts';

export const HOOKS_PAGE = 'cli/doctor/README.md';
const BEGIN = '<!-- hooks -->';
const END = '<!-- /hooks -->';

export function hooksTable(): string {
  return [
    '| hook | program | for | without it | behaviours |',
    '| --- | --- | --- | --- | --- |',
    ...HOOKS.map(
      (row) =>
        `| \`${row.hook}\` | \`${row.program}\` | ${row.for} | ${row.without} | ${row.serves === '' ? '' : row.serves} |`,
    ),
  ].join('\n');
}

/** The text with the table between its two marks. */
export function withHooks(text: string): string {
  const from = text.indexOf(BEGIN) + BEGIN.length;
  return `${text.slice(0, from)}\n\n${hooksTable()}\n\n${text.slice(text.indexOf(END))}`;
}

if (import.meta.main) {
  const path = join(root, HOOKS_PAGE);
  writeFileSync(path, withHooks(readFileSync(path, 'utf8')));
}
