/** The rows of cli/doctor/hooks.ts against the eBPF programs, and the page that is made from them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BEHAVIOURS } from '../../cli/doctor/behaviours.ts';
import { HOOKS } from '../../cli/doctor/hooks.ts';
import { HOOKS_PAGE, withHooks } from './hooks-table.ts';
import { root } from './sources.ts';

const PROGRAM = /^SEC\("([a-z_]+\/[a-z_0-9]+)"\)\nint (?:BPF_PROG\()?(\w+)/gm;

test('each eBPF program has a row in cli/doctor/hooks.ts, and each row a program', () => {
  const folder = join(root, 'native/bpf');
  const programs = readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(PROGRAM)])
    .map(([, hook, program]) => `${program} ${hook}`);
  expect(HOOKS.map(({ program, hook }) => `${program} ${hook}`).sort()).toEqual(programs.sort());
});

test('rows name behaviours that there are, each once', () => {
  expect(Object.keys(BEHAVIOURS)).toHaveLength(243);
  for (const { serves, program } of HOOKS) {
    const ids = serves.split(' ').filter((id) => id !== '');
    expect(
      ids.filter((id, at) => !(id in BEHAVIOURS) || ids.indexOf(id) !== at),
      program,
    ).toEqual([]);
  }
});

test('the table of hooks in the README is the rows', () => {
  const text = readFileSync(join(root, HOOKS_PAGE), 'utf8');
  expect(text, 'npm run fix').toBe(withHooks(text));
});
