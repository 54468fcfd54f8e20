/** The front page's settings table against the rows that the processes read; `npm run fix` writes it. */
import { expect, test } from 'vitest';
import { settingsTable, withTable } from './settings-table.ts';
import { read } from './sources.ts';

test('the settings table is the one that the rows make', () => {
  const text = read('README.md');
  expect(text).toContain('<!-- settings -->');
  expect(text).toBe(withTable(text));
});

test('the table writes values as a person would', () => {
  const rows = settingsTable().split('\n');
  expect(rows.find((row) => row.startsWith('| `window` '))).toContain('| `5s` |');
  expect(rows.find((row) => row.startsWith('| `spool-bytes` '))).toContain('| `64m` |');
  expect(rows.find((row) => row.startsWith('| `config` '))).toContain('| both |  |');
});

test('what stands between the marks is replaced, and nothing else', () => {
  const text = 'before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n';
  expect(withTable(text)).toBe(
    `before\n<!-- settings -->\n\n${settingsTable()}\n\n<!-- /settings -->\nafter\n`,
  );
});
