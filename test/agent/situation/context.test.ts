/** Each context moves what is told with its reason in the detection, never silently. */
import { expect, test } from 'vitest';
import type { Detection } from '../../../agent/alerts/detection.ts';
import { SECOND } from '../../builders/records.ts';
import { quiet, shop, visit } from '../../builders/shop.ts';
import { run } from '../../builders/world.ts';

const of = (detections: readonly Detection[], program: string): readonly Detection[] =>
  detections.filter(({ facts }) => String(facts['fact']).endsWith(program));

test('what a person does in a session is told as of a session, and no evidence', () => {
  const world = shop();
  quiet(world, 60);
  visit(world, 700, ['/usr/bin/oddity']);
  quiet(world, 2);
  const { told } = run(world);
  const found = of(told.detections, '/usr/bin/oddity');
  expect(found.map(({ facts }) => facts['context'])).toEqual(['session']);
  expect(told.alerts).toEqual([]);
});

test('what comes back at regular times is told as of a probe', () => {
  const world = shop();
  quiet(world, 30);
  for (let n = 0; n < 12; n++) {
    visit(world, 700 + 10 * n, n === 11 ? ['/usr/bin/oddity'] : []);
    quiet(world, 2);
  }
  const { told } = run(world);
  expect(of(told.detections, '/usr/bin/oddity').map(({ facts }) => facts['context'])).toEqual(['probe']);
});

test('what is done on the node itself is told as of the node, for half its bits', () => {
  const world = shop();
  quiet(world, 60);
  const start = { pid: 900, start: world.now, parentPid: 77, parentStart: 990n * SECOND };
  world.exec({ slot: 1, cgroup: 1, ...start, path: '/usr/bin/oddity', parentExe: 'bash' });
  quiet(world, 2);
  const { told, pipeline } = run(world);
  const [found] = of(told.detections, '/usr/bin/oddity');
  expect([found?.facts['context'], found?.container.kind]).toEqual(['node', 'host']);
  expect(pipeline.roles().node).toBeGreaterThan(0);
});

test('what the runtime does to set a container up is told as of the setup, and judged by no rarity', () => {
  const world = shop();
  quiet(world, 60);
  visit(world, 700, []);
  quiet(world, 2);
  const { told } = run(world);
  const setUps = told.detections.filter(({ facts }) => facts['context'] === 'setup');
  expect(setUps.every(({ severity, detector }) => severity === 'info' && detector !== 'rarity')).toBe(true);
});
