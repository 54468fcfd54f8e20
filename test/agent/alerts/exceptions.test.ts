import { expect, test } from 'vitest';
import { factsTold } from '../../../agent/alerts/detection.ts';
import { Exceptions, MAX_COMPARED, readExceptions } from '../../../agent/alerts/exceptions.ts';
import { type How, Privacy } from '../../../agent/alerts/privacy.ts';
import type { Evidence } from '../../../central/correlate/incident.ts';
import { propose } from '../../../central/feedback/propose.ts';
import type { Means } from '../../../kit/exception.ts';
import { type HashKey, hashKey } from '../../../kit/sketch/hash-key.ts';
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

/** What its node tells of the tool, its exception as central proposes it of that, and whether it covers the same again. */
function coveredOnce(told: Privacy, here: Privacy, change: object = {}): boolean {
  const seen = (exceptions: readonly object[], means: Means) => {
    const world = shop();
    quiet(world, 30);
    say(world, ...exceptions);
    ordinary(world);
    tool(world, 1);
    world.tick();
    const { detections } = run(world, { means }).told;
    return detections.filter(({ facts }) => facts['path'] === '/opt/new/tool');
  };
  const [found] = seen([], told.means);
  if (found === undefined) throw new Error('the tool was not told');
  const { detector, facts, process, container } = told.detection(found);
  const { workload } = container.identity;
  const hit = { detector, facts: factsTold({ process, facts }) };
  const proposals = propose([{ alert: { workload }, detections: [hit] } as unknown as Evidence], []);
  const [proposal] = proposals;
  if (proposal === undefined) throw new Error('nothing was proposed');
  const exception = { ...proposal, facts: { ...proposal.facts, ...change } };
  return seen([exception], here.means).some(({ facts: again }) => again['excepted'] === proposal.name);
}
const [NODES, FLEETS, NEWER] = ['5a', '6b', '7c'].map((byte) => hashKey(byte.repeat(32)));
function privacy(how: How, ...keys: readonly (HashKey | undefined)[]): Privacy {
  const own = NODES;
  if (own === undefined) throw new Error('no key');
  const made = new Privacy({ how, except: [], own: () => own });
  const fleet = keys.filter((key) => key !== undefined);
  if (fleet.length > 0) made.use(fleet);
  return made;
}

test.each([
  ['under the fleet’s key', privacy('hashed', FLEETS), privacy('hashed', FLEETS)],
  ['before the node had the fleet’s key', privacy('hashed'), privacy('hashed', FLEETS)],
  ['under the key before', privacy('hashed', FLEETS), privacy('hashed', NEWER, FLEETS)],
  ['by another node, which tells less', privacy('hashed', FLEETS), privacy('told', FLEETS)],
  ['by another node, which tells more', privacy('told', FLEETS), privacy('hashed', FLEETS)],
  ['without its values', privacy('dropped', FLEETS), privacy('dropped', FLEETS)],
])('what was told %s is excepted as it was told', (_, told, here) => {
  expect(coveredOnce(told, here)).toBe(true);
});

test('a hash of another value, or under a key that nobody has here, excepts nothing', () => {
  const told = privacy('hashed', FLEETS);
  const another = { path: told.value('path', '/opt/new/other') };
  expect(coveredOnce(told, privacy('hashed', FLEETS), another)).toBe(false);
  expect(coveredOnce(told, privacy('hashed', NEWER))).toBe(false);
});

test('the name of the exception that covers something is told, whatever else is private', () => {
  const world = shop();
  quiet(world, 30);
  say(world, nightly);
  ordinary(world);
  tool(world, 1);
  world.tick();
  const found = run(world).told.detections.find(({ facts }) => facts['excepted'] === 'nightly');
  if (found === undefined) throw new Error('it was not excepted');
  expect(privacy('hashed', FLEETS).detection(found).facts['excepted']).toBe('nightly');
});

test('who did it is a fact as central is told it, from which people make exceptions', () => {
  const covered = (facts: object): boolean => {
    const world = shop();
    quiet(world, 30);
    say(world, { ...nightly, facts });
    ordinary(world);
    tool(world, 1);
    world.tick();
    return run(world).told.detections.some(({ facts: told }) => told['excepted'] === 'nightly');
  };
  const told = { path: '/opt/new/tool', parent: 'node' };
  expect([covered(told), covered({ ...told, parent: 'sh' })]).toEqual([true, false]);
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

const detectionOf = (facts: Readonly<Record<string, string>>): Parameters<Exceptions['of']>[0] => {
  const world = shop();
  quiet(world, 30);
  tool(world, 1);
  const [detection] = run(world).told.detections;
  if (detection === undefined) throw new Error('nothing was found');
  return { ...detection, detector: 'rarity', facts };
};

test('each exception that there is counts its hits, however many there are', () => {
  const each = Array.from({ length: 1500 }, (_, n) => ({
    ...nightly,
    ...{ name: `tool-${n}`, workload: '*', facts: { n: `${n}` } },
  }));
  const exceptions = new Exceptions();
  exceptions.use(readExceptions(JSON.stringify({ exceptions: each })));
  const detection = detectionOf({});
  for (let n = 0; n < 1500; n++) exceptions.of({ ...detection, facts: { n: String(n) } }, { compared: 0 });
  expect([exceptions.total, exceptions.hits.size, exceptions.hits.get('tool-1499')]).toEqual([1500, 1500, 1]);
});

test('a flood is compared up to a bound in each window of a container; what is beyond counts, and is counted', () => {
  const world = shop();
  quiet(world, 30);
  const strangers = Array.from({ length: 1999 }, (_, n) => ({
    ...nightly,
    ...{ name: `x-${n}`, facts: { path: `/opt/none-${n}/*` } },
  }));
  say(world, ...strangers, nightly);
  for (let n = 0; n < 200; n++)
    world.exec({
      slot: 2,
      pid: 5000 + n,
      start: world.now,
      path: `/opt/new/t-${'abcdefghij'[n % 10]}${'klmnopqrstuvwxyzabcd'[Math.floor(n / 10)]}`,
    });
  world.tick();
  tool(world, 300);
  const { told, pipeline } = run(world);
  const found = told.detections.filter(({ detector, facts }) => detector === 'rarity' && 'path' in facts);
  const covered = found.filter(({ facts }) => facts['excepted'] === 'nightly');
  const most = Math.ceil(MAX_COMPARED / (2 * 2000));
  // Those within the bound, and the one of the next window.
  expect([covered.length, covered.at(-1)?.facts['path']]).toEqual([most + 1, '/opt/new/tool']);
  expect([found.length, pipeline.counts().unlooked]).toEqual([201, 201 - covered.length]);
});

test('an exception of another detector or workload costs a verdict nothing', () => {
  const exceptions = new Exceptions();
  exceptions.use(
    readExceptions(
      JSON.stringify({ exceptions: [nightly, { ...nightly, workload: 'c1/other/*', detector: '' }] }),
    ),
  );
  const may = (workload: string, detector: string) => exceptions.mayCover(workload, detector);
  expect([may('c1/shop/a', 'rarity'), may('c1/shop/a', 'flood'), may('c1/other/a', 'flood')]).toEqual([
    true,
    false,
    true,
  ]);
  const looked = { compared: 0 };
  exceptions.of({ ...detectionOf({}), detector: 'flood' }, looked);
  expect(looked.compared).toBe(0);
});
