/** `picket rules`: what is in force, a file checked, and tried on the recording that ships. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RECORDING } from '../../cli/up/kernel.ts';
import { HEAD, ruleText } from '../builders/rules.ts';
import { runPicket } from './run-picket.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-rules-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, 'mine.yaml');
  writeFileSync(path, text);
  return path;
}

test('list names ours, and those of the folder behind them', async () => {
  file(`${HEAD}rules:\n${ruleText('mine')}`);
  const { code, out } = await runPicket(['rules', 'list', '--json', '--rules-folder', folder]);

  expect(code).toBe(0);
  const { rules } = JSON.parse(out) as { rules: { name: string; file: string }[] };
  expect(rules.find(({ name }) => name === 'server-spawns-shell')?.file).toBe('execution.yaml');
  expect(rules.at(-1)).toMatchObject({ name: 'mine', file: 'mine.yaml', severity: 'low', on: ['exec'] });
});

test('check names each fault by line and column, and fails', async () => {
  const path = file(`${HEAD}rules:\n${ruleText('mine', { when: 'event.nope' })}`);
  const { code, error } = await runPicket(['rules', 'check', path]);

  expect(code).toBe(1);
  expect(error).toBe(`${path}:10:17: No such key: nope\n`);
  expect((await runPicket(['rules', 'check', file(`${HEAD}rules:\n${ruleText('mine')}`)])).out).toMatch(
    /^1 rule there; with ours \d+ would be in force\n$/,
  );
});

test('test tells the hits of the file on a recording, and what each rule was asked', async () => {
  const path = file(
    `${HEAD}rules:\n${ruleText('mine', { when: "'event.tool in shells'", summary: "'{event.parent} ran {event.tool}'" })}`,
  );
  const { code, out } = await runPicket(['rules', 'test', path, '--recording', RECORDING]);

  expect(code).toBe(0);
  expect(out).toContain('mine: node ran dash (local/demo/Deployment/web/web)');
  expect(out).toMatch(/^mine {2,}\d+ +\d+ +0 +0 +\S+$/m);
});

test('explain says what a rule looks at and when it is asked; a name there is not is an error', async () => {
  const { out } = await runPicket(['rules', 'explain', 'server-spawns-shell']);
  expect(out).toContain('A server that has been running for a while started a shell.');
  expect(out).toMatch(/asked {6}of exec: only those with one of \d+ values of tool/);
  expect((await runPicket(['rules', 'explain', 'no-such'])).code).toBe(2);
  expect((await runPicket(['rules', 'what'])).code).toBe(2);
});

test('coverage says of each known behaviour how it is found', async () => {
  const { out } = await runPicket(['rules', 'coverage']);
  expect(out).toMatch(/^IA01 +Server spawns a shell +by rule: server-spawns-shell$/m);
  expect(out).toMatch(/^PR18 .* as new: capability$/m);
  expect(out).toMatch(/243 behaviours, 196 of them on a node: \d+ \(\d+ %\) by a rule/);
});
