/** Whatever a model is given has an entry in the catalogue, and what is said of missing values and outliers is so. */
import { expect, test } from 'vitest';
import { CATALOGUE, RESOURCE_FEATURES } from '../../../agent/features/catalogue.ts';
import { FACT_KINDS } from '../../../agent/features/fact.ts';
import { ROW_FEATURES, rowOf } from '../../../agent/features/shape-row.ts';
import { SENT_TO_PEER, SURGE_CHANNELS } from '../../../agent/features/surge-row.ts';
import { VOLUME_FEATURES } from '../../../agent/features/volume-row.ts';
import { WindowBuilder } from '../../../agent/features/window.ts';
import { Shape } from '../../../agent/models/shape/shape.ts';

const all = CATALOGUE.flatMap(({ of }) => of);
const names = all.map(({ name }) => name);

test('every fact, and every number of the rows that models learn, is in it; once in its group', () => {
  const given = [
    ...FACT_KINDS,
    ...ROW_FEATURES,
    ...VOLUME_FEATURES,
    ...[...SURGE_CHANNELS, SENT_TO_PEER].map(({ feature }) => feature),
  ];
  expect(given.filter((name) => !names.includes(name))).toEqual([]);
  for (const { of } of CATALOGUE) expect(new Set(of.map(({ name }) => name)).size).toBe(of.length);
});

test('each has a unit, a version and a sentence, and each group says what becomes of missing values and outliers', () => {
  for (const { name, unit, version, sentence } of all)
    expect([name, unit.length > 0, Number.isSafeInteger(version) && version > 0, sentence]).toEqual([
      name,
      true,
      true,
      expect.stringMatching(/^[A-Z].*\.$/),
    ]);
  for (const { missing, outliers } of CATALOGUE) {
    expect(missing).toMatch(/^\S.*\.$/);
    expect(outliers).toMatch(/^\S.*\.$/);
  }
});

test('a resource that was not read is no number in a row, and all else is 0 where nothing happened', () => {
  const row = rowOf(new WindowBuilder(0n).close(5_000_000_000n));
  const resources = new Set<string>(RESOURCE_FEATURES.map(({ name }) => name));
  // Also a count of records, which is what rows have.
  resources.delete('oomKills');
  for (const [i, name] of ROW_FEATURES.entries())
    expect([name, row[i]]).toEqual([name, resources.has(name) ? Number.NaN : 0]);
});

test('a value far out is kept within 999', () => {
  const shape = new Shape({ features: ['a', 'b'], limit: 4, least: 4, show: String });
  shape.learn(Float64Array.of(1e9, Number.NaN));
  expect(shape.save().rows).toEqual([[999, null]]);
});
