/** Text on a terminal: a hostile name must not act on it. */
import { expect, test } from 'vitest';
import { ago, safe, table } from '../../cli/text.ts';

test('control characters, line separators and text-direction marks are shown as escapes', () => {
  expect(safe('a\u001b[2Jb\nc\u202ed\u009be')).toBe('a\\u001b[2Jb\\u000ac\\u202ed\\u009be');
});

test('a table stays a table whatever its cells hold', () => {
  expect(
    table(
      ['A', 'B'],
      [
        ['x\ny', 1],
        ['longer', null],
      ],
    ),
  ).toBe('A         B\nx\\u000ay  1\nlonger\n');
});

test('spans are told in the unit a person would use', () => {
  expect([0, 90_000, 600_000, 10_000_000, 300_000_000].map(ago)).toEqual([
    '0 s',
    '90 s',
    '10 min',
    '3 h',
    '3 d',
  ]);
});
