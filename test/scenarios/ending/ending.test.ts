/** What is counted in a container's last window is how it ends, which nobody has learnt; what goes on after it is told. */
import { expect, test } from 'vitest';
import { budgetNs } from '../../../agent/models/evidence/budget.ts';
import { cgroupRecord } from '../../builders/records.ts';
import { API, ordinary, quiet, shop } from '../../builders/shop.ts';
import { run as runWith, SETTINGS, type World } from '../../builders/world.ts';

/** A budget that one such window passes. */
const run = (world: World): ReturnType<typeof runWith> =>
  runWith(world, { settings: { ...SETTINGS, budgetNs: budgetNs('20/1h') } });

const NEW_CALLS = [0, 1, 39, 62, 87, 88, 101, 128, 165, 186, 200, 234];
const NEW_PAIRS = Array.from({ length: 24 }, (_, i) => 9000 + 137 * i);

/** As when a server is told to end: it catches the signal, closes, removes, and makes calls that it never made. */
const strange = (world: World): void => {
  ordinary(world);
  world.tick({ calls: { 2: NEW_CALLS }, pairs: { 2: NEW_PAIRS } });
};
const ended = (world: World): void =>
  world.records(cgroupRecord({ made: false, path: null, cgroup: 500, slot: 2, time: world.later() }));

test('many new calls of a container that lives on are an alert, one window later', () => {
  const world = shop();
  quiet(world, 500);
  strange(world);
  const before = world.now;
  quiet(world, 2);
  const { told } = run(world);
  expect(told.alerts.map(({ container }) => container.identity.workload)).toContain(API);
  expect(
    told.detections.filter(({ detector }) => detector === 'sequence').map(({ timeNs }) => timeNs),
  ).toEqual([before]);
});

test('the same in its last window is told, but no alert stands on it', () => {
  const world = shop();
  quiet(world, 500);
  strange(world);
  ended(world);
  quiet(world, 10);
  const { told } = run(world);
  expect(told.detections.map(({ detector }) => detector)).toContain('sequence');
  expect(told.alerts).toEqual([]);
});
