/** More containers than slots: what is not watched is itself told, of the host, in each window in which one looked for a slot. */
import { expect, test } from 'vitest';
import { quiet, shop } from '../../builders/shop.ts';
import { cgroupPath, ID, run, UID } from '../../builders/world.ts';

test('containers without a slot are a finding in each window in which one looked for one', () => {
  const world = shop();
  quiet(world, 2);
  world.tick({ noSlot: 3 });
  const path = cgroupPath(UID('d'), ID('d'));
  world.frames.push({ kind: 'cgroups', found: [{ id: 530, path }] }); // the look that such a loss causes
  world.tick({ noSlot: 4 });
  quiet(world, 2);
  const { told } = run(world);
  const found = told.detections.filter(({ detector }) => detector === 'unwatched');
  expect(
    found.map(({ container, severity, summary, facts }) => [container.kind, severity, summary, facts]),
  ).toEqual([
    ['host', 'medium', 'no slot was free: containers are not watched', { tries: '3', containers: '0' }],
    [
      'host',
      'medium',
      `no slot was free: 1 container(s) are not watched: ${ID('d').slice(0, 12)}`,
      { tries: '1', containers: '1' },
    ],
  ]);
  expect(told.alerts.filter(({ detectors }) => detectors.includes('unwatched'))).not.toEqual([]);
});

test('a slot that another container gave back is no loss', () => {
  const world = shop();
  quiet(world, 5);
  expect(run(world).told.detections.filter(({ detector }) => detector === 'unwatched')).toEqual([]);
});
