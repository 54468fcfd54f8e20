import { expect, test } from 'vitest';
import { NOT_RULES } from '../../agent/alerts/detectors.ts';
import { Costs } from '../../agent/costs.ts';
import { breakIn, quiet, shop } from '../builders/shop.ts';
import { run } from '../builders/world.ts';

test('each detector that looks at windows or facts is measured, under the name of its verdicts', () => {
  const world = shop();
  quiet(world, 30);
  breakIn(world);
  quiet(world, 3);
  const { costs } = run(world).pipeline;
  const names = [...costs.by.keys()].toSorted();
  expect(names).toEqual([
    'access',
    'dns-labels',
    'evidence',
    'rarity',
    'replica',
    'rule',
    'sequence',
    'shape',
    'surge',
    'unknown-workload',
    'volume',
  ]);
  expect(
    names.filter((name) => name !== 'rule' && name !== 'evidence').every((name) => NOT_RULES.has(name)),
  ).toBe(true);
  expect(costs.windows).toBeGreaterThanOrEqual(34 * 3);
  const windows = [...costs.by].filter(([name]) => name === 'volume' || name === 'shape');
  for (const [, { nanoseconds, calls }] of windows)
    expect([nanoseconds > 0, calls > costs.windows]).toEqual([true, true]);
});

test('the result is that of the work, whether it is measured or not, and one in sixteen stands for the others', () => {
  const costs = new Costs();
  const results = Array.from({ length: 40 }, (_, n) => costs.each('rarity', () => n));
  expect(results).toEqual(Array.from({ length: 40 }, (_, n) => n));
  expect(costs.window('shape', () => 'kept')).toBe('kept');
  const [rarity, shape] = [costs.by.get('rarity'), costs.by.get('shape')];
  expect([rarity?.calls, shape?.calls]).toEqual([40, 1]);
});
