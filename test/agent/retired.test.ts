/** Baselines of containers that nobody named are few, whatever comes after they are gone. */
import { expect, test } from 'vitest';
import { isOfOne } from '../../agent/identity/container.ts';
import { cgroupRecord, exitRecord } from '../builders/records.ts';
import { cgroupPath, makePipeline, World } from '../builders/world.ts';

const hex = (n: number, length: number): string => n.toString(16).padStart(length, '0');
const uidOf = (n: number): string => `${hex(n, 8)}-0000-0000-0000-${hex(n, 12)}`;
const idOf = (n: number): string => hex(n + 1, 12).padEnd(64, '0');

interface Life {
  /** Its pod is listed after so many windows, when there was no more waiting for it. */
  readonly namedAfter?: number;
  /** A record of it comes after it was forgotten. */
  readonly late?: boolean;
}

function live(world: World, n: number, { namedAfter, late = false }: Life): void {
  const [slot, cgroup, path] = [2 + (n % 5), 700 + n, cgroupPath(uidOf(n), idOf(n))];
  const start = world.later();
  world.records(cgroupRecord({ time: start, slot, cgroup, path, made: true }));
  world.slot(slot, cgroup);
  const process = { slot, pid: 4000 + n, start, parentPid: 1, parentStart: 1n };
  world.exec({ ...process, path: '/opt/once', parentExe: 'runc' });
  for (let i = 0; i < (namedAfter ?? 3); i++) world.tick();
  if (namedAfter !== undefined) {
    const owner = { kind: 'StatefulSet', name: 'db' };
    world.pods([{ name: `db-${n}`, uid: uidOf(n), owner, containers: [{ name: 'db', id: idOf(n) }] }]);
    for (let i = 0; i < 2; i++) world.tick();
  }
  world.records(exitRecord({ ...process, cgroup, time: world.later(), status: 0 }));
  world.records(cgroupRecord({ time: world.later(), slot, cgroup, path: null, made: false }));
  world.tick();
  world.gone(slot);
  world.tick();
  if (late) world.exec({ ...process, pid: 5000 + n, path: '/opt/late', parentExe: 'once' });
  world.tick();
}

test.each<[string, Life]>([
  ['that came and went', {}],
  ['of which a record came late', { late: true }],
  ['that were named when nobody waited any more', { namedAfter: 12 }],
])('of containers %s at most 64 are kept', (_, life) => {
  const world = new World();
  for (let n = 0; n < 100; n++) live(world, n, life);
  const { pipeline } = makePipeline();
  for (const frame of world.frames) pipeline.frame(frame);
  const own = pipeline.registry.all().filter(({ workload }) => isOfOne(workload));
  expect(own.length).toBeLessThanOrEqual(64);
  // A late record may have brought one back that had left.
  expect(own.length + pipeline.registry.evicted).toBeGreaterThanOrEqual(100);
});
