/** Names of detectors as a label. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { detectorLabel, NOT_RULES } from '../../../agent/alerts/detectors.ts';

test('a model has a label of its own, every rule the same', () => {
  expect(['access', 'rarity', 'my-rule', 'server-spawns-shell', ''].map(detectorLabel)).toEqual([
    'access',
    'rarity',
    'rule',
    'rule',
    'rule',
  ]);
});

test('every name that a verdict gives itself is in the list', () => {
  const folder = join(import.meta.dirname, '../../../agent/alerts');
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const written = sources.flatMap((source) =>
    [...source.matchAll(/detector: '([a-z-]+)'/g)].map(([, name]) => name),
  );
  const constants = sources.flatMap((source) =>
    [...source.matchAll(/export const [A-Z_]+ = '([a-z-]+)'/g)].map(([, name]) => name),
  );
  expect(written.length).toBeGreaterThan(2);
  for (const name of [...written, ...constants]) expect(NOT_RULES).toContain(name);
});
