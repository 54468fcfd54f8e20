/** What a new fact weighs, as it is told. */
import { expect, test } from 'vitest';
import { quiet, shop } from '../../builders/shop.ts';
import { run } from '../../builders/world.ts';

/** Bits of the first opening of a secret by a program of that name. */
function bitsOf(exe: string, openFlags: number): number {
  const world = shop();
  quiet(world, 30);
  world.open({ slot: 2, pid: 700, start: world.now, exe, path: '/etc/shadow', openFlags });
  world.tick();
  const found = run(world).told.detections.find(({ detector }) => detector === 'rarity');
  return found?.bits ?? 0;
}
const [READ, WRITE] = [0, 1];

test('who reads a secret is not taken for who writes one, whatever it calls itself', () => {
  const [read, written] = [bitsOf('cat', READ), bitsOf('cat', WRITE)];
  expect(read).toBeGreaterThan(2 * written);
  for (const exe of ['x w', 'x w ', 'a w r', 'x\tw y']) expect([exe, bitsOf(exe, READ)]).toEqual([exe, read]);
  for (const exe of ['Web Content', 'tmux: server'])
    expect([exe, bitsOf(exe, WRITE)]).toEqual([exe, written]);
});
