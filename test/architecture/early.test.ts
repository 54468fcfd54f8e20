/** What is loaded before the kernel side is opened: every start of an agent waits for it. */
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { read } from './sources.ts';

/** Imports that stand at the head of a file and are not of types alone. */
const IMPORT = /^import (?!type )[^;]*?from '([^']+)';/gms;

function modulesOf(file: string, seen: Set<string>): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, name = ''] of read(file).matchAll(IMPORT))
    if (name.startsWith('.')) modulesOf(join(dirname(file), name), seen);
    else seen.add(name);
  return seen;
}

test('the agent loads little before its probes are opened, and no package', () => {
  const seen = new Set<string>();
  for (const file of ['cli/main.ts', 'cli/settings.ts', 'cli/commands/agent.ts', 'agent/main.ts'])
    modulesOf(file, seen);
  expect(seen).toContain('agent/opening.ts');
  expect([...seen].filter((name) => !name.endsWith('.ts')).sort()).toEqual([
    'node:fs',
    'node:fs/promises',
    'node:module',
    'node:net',
    'node:os',
    'node:path',
    'node:timers/promises',
    'node:url',
  ]);
});
