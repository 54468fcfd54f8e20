/** What only a start needs goes back, and nothing that is needed goes with it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadAddon } from '../../native/index.ts';

/** Resident memory that is of files, KiB. */
function filePages(): number {
  return Number(/^RssFile:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

test('pages of program files are given back, and the program goes on', () => {
  const addon = loadAddon();
  const before = filePages();
  const bytes = addon.releaseMemory();
  expect(bytes).toBeGreaterThan(8 * 1024 ** 2);
  expect(filePages()).toBeLessThan(before - 8 * 1024);
  // Code that was mapped, relocations, the heap and the compiler are all still there.
  const sorted = Array.from({ length: 10_000 }, (_, index) => (index * 7919) % 10_007).toSorted(
    (a, b) => a - b,
  );
  expect(sorted.at(0)).toBe(0);
  expect(new Intl.DateTimeFormat('de').format(0)).toMatch(/1970/);
  expect(addon.features().btf).toBeTypeOf('boolean');
});
