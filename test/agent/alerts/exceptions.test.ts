import { expect, test } from 'vitest';
import { readExceptions } from '../../../agent/alerts/exceptions.ts';
import { ordinary, quiet, shop } from '../../builders/shop.ts';
import { makePipeline, run, type World } from '../../builders/world.ts';

const say = (world: World, ...exceptions: object[]): void => {
  world.frames.push({ kind: 'exceptions', text: JSON.stringify({ exceptions }) });
};
const tool = (world: World, n: number): void =>
  world.exec({ slot: 2, pid: 5000 + n, start: world.now, path: '/opt/new/tool', parentExe: 'node' });
const nightly = { name: 'nightly', workload: 'c1/shop/*', detector: 'rarity', facts: { path: '/opt/new/*' } };

test('what an exception covers is told, counted, of no weight, and learnt', () => {
  const world = shop();
  quiet(world, 30);
  say(world, nightly);
  for (let n = 0; n < 6; n++) {
    ordinary(world);
    tool(world, n);
    world.tick();
  }
  say(world);
  for (let n = 6; n < 12; n++) {
    ordinary(world);
    tool(world, n);
    world.tick();
  }
  const { told, pipeline } = run(world);
  const found = told.detections.filter(
    ({ detector, facts }) => detector === 'rarity' && facts['path']?.startsWith('/opt'),
  );
  expect(found.map(({ severity, bits, alert, facts }) => [severity, bits, alert, facts['excepted']])).toEqual(
    [['info', 0, '', 'nightly']],
  );
  expect(told.alerts.filter(({ detectors }) => detectors.includes('rarity'))).toEqual([]);
  expect(pipeline.counts()).toMatchObject({ excepted: 1, exceptedBy: {} });
});

test('another fact, another detector and an exception that has ended cover nothing', () => {
  const world = shop();
  quiet(world, 30);
  say(
    world,
    { ...nightly, facts: { path: '/opt/other/*' } },
    { ...nightly, name: 'b', detector: 'flood' },
    { ...nightly, name: 'c', expiresMs: 1 },
    { ...nightly, name: 'd', workload: 'c1/other/*' },
  );
  ordinary(world);
  tool(world, 1);
  world.tick();
  const { told, pipeline } = run(world);
  expect(told.detections.some(({ facts }) => facts['path'] === '/opt/new/tool')).toBe(true);
  expect(told.detections.filter(({ facts }) => 'excepted' in facts)).toEqual([]);
  expect(pipeline.counts().excepted).toBe(0);
});

test('a document that is none is counted, and what was said before stays', () => {
  const { pipeline } = makePipeline();
  pipeline.frame({ kind: 'exceptions', text: '{"exceptions":7}' });
  pipeline.frame({ kind: 'exceptions', text: 'x' });
  expect(pipeline.counts().malformed).toEqual({ exceptions: 2 });
  expect(readExceptions('{"exceptions":[7,{"name":1},{"name":"a","workload":"*","expiresMs":0}]}')).toEqual([
    { name: 'a', workload: '*', detector: null, facts: {}, expiresMs: null },
  ]);
});
