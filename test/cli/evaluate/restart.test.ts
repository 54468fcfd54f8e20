import { expect, test } from 'vitest';
import { Restarts } from '../../../cli/evaluate/range/restart.ts';
import { breakIn, quiet, shop, visit } from '../../builders/shop.ts';
import { ID, makePipeline } from '../../builders/world.ts';

/** The shop for 60 windows and a break-in, restarted after 40 of them. */
function restarted() {
  const world = shop();
  quiet(world, 60);
  breakIn(world);
  world.tick();
  const restarts = new Restarts();
  const { pipeline, told } = makePipeline();
  const lists = world.frames.flatMap((frame) => (frame.kind === 'pods' ? [frame.list] : []));
  let ticks = 0;
  for (const frame of world.frames) {
    pipeline.frame(restarts.frame(frame));
    if (frame.kind !== 'tick' || ++ticks !== 40) continue;
    for (const each of restarts.restart(frame.tick.bootNs, lists.at(-1) ?? null)) pipeline.frame(each);
  }
  return { restarts, told };
}

test('every container ends and goes on as another of the same workload', () => {
  const { restarts, told } = restarted();
  expect([restarts.count, told.gone.length, told.fresh.length]).toEqual([3, 3, 6]);
  const last = told.windows.filter(({ endNs }) => endNs === told.windows.at(-1)?.endNs);
  const before = told.windows.filter(({ endNs }) => endNs === told.windows[0]?.endNs);
  const workloads = (windows: typeof last): string[] =>
    windows.map(({ container }) => container.identity.workload).toSorted();
  expect(workloads(last)).toEqual(workloads(before));
});

test('what is told of them bears the ids of the recording, and an attack is still found', () => {
  const { restarts, told } = restarted();
  expect(told.alerts.length).toBeGreaterThan(0);
  const ids = told.alerts.map(({ container }) => container.id);
  expect(new Set(ids)).toEqual(new Set([`b${ID('a').slice(1)}`]));
  expect(new Set(ids.map((id) => restarts.idBefore(id)))).toEqual(new Set([ID('a')]));
  expect(restarts.idBefore(ID('9'))).toBe(ID('9'));
});

test('who came from outside is still a visitor after it', () => {
  const world = shop();
  quiet(world, 60);
  visit(world, 700, ['/usr/bin/oddity']);
  quiet(world, 2);
  const restarts = new Restarts();
  const { pipeline, told } = makePipeline();
  let ticks = 0;
  for (const frame of world.frames) {
    pipeline.frame(restarts.frame(frame));
    if (frame.kind === 'tick' && ++ticks === 40)
      for (const each of restarts.restart(frame.tick.bootNs, null)) pipeline.frame(each);
  }
  const found = told.detections.find(({ facts }) => String(facts['fact']).endsWith('/usr/bin/oddity'));
  expect(found?.facts['context']).toBe('session');
});

test('a restart by itself alerts nobody', () => {
  const world = shop();
  quiet(world, 60);
  const restarts = new Restarts();
  const { pipeline, told } = makePipeline();
  let ticks = 0;
  for (const frame of world.frames) {
    pipeline.frame(restarts.frame(frame));
    if (frame.kind === 'tick' && ++ticks === 40)
      for (const each of restarts.restart(frame.tick.bootNs, null)) pipeline.frame(each);
  }
  expect(told.alerts).toEqual([]);
});
