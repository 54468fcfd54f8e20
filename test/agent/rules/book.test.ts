/** The user's folder: read when it changes, refused as a whole, never less in force than before. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RuleBook } from '../../../agent/rules/book.ts';
import { execRecord } from '../../builders/records.ts';
import { HEAD, hitsOn, makeContainer, ruleText } from '../../builders/rules.ts';

let folder = '';
let changes = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-rules-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Written within one tick of the clock it would look the same. */
function write(name: string, text: string): void {
  const path = join(folder, name);
  writeFileSync(path, text);
  changes += 1;
  utimesSync(path, changes, changes);
}
const told = (book: RuleBook): string[] =>
  hitsOn(book, makeContainer('container'), execRecord({ path: '/opt/quiet' })).map(({ rule }) => rule.name);

test('a rule of the folder is in force, changes with its file, and goes with it', {
  timeout: 30_000,
}, async () => {
  const book = new RuleBook(folder);
  const ours = book.size;
  expect(await book.refresh()).toEqual({ kind: 'loaded', rules: ours });
  write('mine.yaml', `${HEAD}rules:\n${ruleText('mine')}`);

  expect(await book.refresh()).toEqual({ kind: 'loaded', rules: ours + 1 });
  expect(await book.refresh()).toEqual({ kind: 'unchanged' });
  expect(told(book)).toEqual(['mine']);
  write('mine.yaml', `${HEAD}rules:\n${ruleText('mine', { when: 'event.memfd' })}`);
  await book.refresh();
  expect(told(book)).toEqual([]);
  rmSync(join(folder, 'mine.yaml'));
  expect(await book.refresh()).toEqual({ kind: 'loaded', rules: ours });
});

test('a broken edit is told once and leaves the set before in force; mended, it is', async () => {
  const book = new RuleBook(folder);
  write('mine.yaml', `${HEAD}rules:\n${ruleText('mine')}`);
  await book.refresh();
  write('mine.yaml', `${HEAD}rules:\n${ruleText('mine', { when: 'event.nope' })}`);

  const problems = ['mine.yaml:10:17: No such key: nope'];
  expect(await book.refresh()).toEqual({ kind: 'refused', problems });
  expect(await book.refresh()).toEqual({ kind: 'unchanged' });
  expect([book.problems, told(book), book.counts]).toEqual([problems, ['mine'], { loaded: 1, refused: 1 }]);
  write('mine.yaml', `${HEAD}rules:\n${ruleText('mine', { when: 'event.memfd' })}`);
  await book.refresh();
  expect([book.problems, told(book)]).toEqual([[], []]);
});

test('a rule of the folder replaces ours of its name, also by nothing', async () => {
  const book = new RuleBook(folder);
  const before = book.size;
  write('off.yaml', `${HEAD}rules:\n${ruleText('terminal-shell', { enabled: 'false' })}`);

  expect(await book.refresh()).toEqual({ kind: 'loaded', rules: before - 1 });
});

test('counts of a rule go on when it is read again', async () => {
  const book = new RuleBook(folder);
  write('mine.yaml', `${HEAD}rules:\n${ruleText('mine')}`);
  await book.refresh();
  told(book);
  write('mine.yaml', `${HEAD}rules:\n${ruleText('mine')}\n`);
  await book.refresh();
  told(book);

  expect(book.costs().get('mine')).toMatchObject({ evaluations: 2, hits: 2 });
});

test('a folder that is not there is told once, and our rules are in force', async () => {
  const book = new RuleBook(join(folder, 'nowhere'));
  expect((await book.refresh()).kind).toBe('refused');
  expect(await book.refresh()).toEqual({ kind: 'unchanged' });
  expect(book.size).toBeGreaterThan(10);
});
