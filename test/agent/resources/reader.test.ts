import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resourcesOf } from '../../../agent/events/resources.ts';
import { findHierarchies } from '../../../agent/resources/hierarchies.ts';
import { ResourceReader, type Subject } from '../../../agent/resources/reader.ts';

let root = '';
let reader: ResourceReader;
let subjects: Subject[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'picket-resources-'));
  subjects = [];
});
afterEach(() => {
  reader.close();
  rmSync(root, { recursive: true });
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
const only = (values: object) => resourcesOf((name) => (values as Record<string, number>)[name] ?? null);
const mixed = (): ResourceReader =>
  new ResourceReader(
    findHierarchies(
      `cgroup2 ${root}/unified cgroup2 rw 0 0\ncgroup ${root}/memory cgroup rw,memory 0 0\ncgroup ${root}/cpuacct cgroup rw,cpuacct 0 0\n`,
    ),
    () => subjects,
  );
const v2 = (): ResourceReader =>
  new ResourceReader(findHierarchies(`cgroup2 ${root} cgroup2 rw 0 0\n`), () => subjects);

test('counters are what was added since the reading before, gauges what is', async () => {
  reader = v2();
  subjects = [{ cgroup: 5, path: '/a', madeAt: null }];
  put('a/cpu.stat', 'usage_usec 100\n');
  put('a/memory.current', '1000\n');
  put('a/memory.stat', 'anon 1\ninactive_file 300\n');
  expect(await reader.read()).toEqual([
    { cgroup: 5, resources: only({ memoryBytes: 1000, workingSetBytes: 700 }) },
  ]);
  put('a/cpu.stat', 'usage_usec 130\n');
  put('a/memory.current', '2000\n');
  expect(await reader.read()).toEqual([
    { cgroup: 5, resources: only({ cpuUs: 30, memoryBytes: 2000, workingSetBytes: 1700 }) },
  ]);
});

test('what is read every third window is of the three; between, counters are not known and gauges stay', async () => {
  reader = v2();
  subjects = [{ cgroup: 0, path: '/a', madeAt: null }];
  const seen: (number | null)[][] = [];
  for (const total of [10, 20, 30, 40, 50, 60, 70]) {
    put('a/io.pressure', `some avg10=0.00 total=${total}\nfull avg10=0.00 total=0\n`);
    put('a/memory.max', total === 10 ? '4096\n' : 'max\n');
    const [reading] = await reader.read();
    seen.push([reading?.resources.ioSomeUs ?? null, reading?.resources.memoryLimitBytes ?? null]);
  }
  expect(seen.map(([pressure]) => pressure)).toEqual([null, null, null, 30, null, null, 30]);
  expect(seen.map(([, limit]) => limit)).toEqual([4096, 4096, 4096, 4096, 4096, 4096, 4096]);
});

test('a limit that was taken away is none at its next reading', async () => {
  reader = v2();
  subjects = [{ cgroup: 0, path: '/a', madeAt: null }];
  put('a/pids.max', '7\n');
  expect((await reader.read())[0]?.resources.pidsLimit).toBe(7);
  put('a/pids.max', 'max\n');
  for (let window = 0; window < 11; window += 1) await reader.read();
  expect((await reader.read())[0]?.resources.pidsLimit).toBeNull();
});

test('counters of a container that was made while we watched begin at 0', async () => {
  reader = v2();
  subjects = [{ cgroup: 5, path: '/a', madeAt: 7n }];
  put('a/cpu.stat', 'usage_usec 100\n');
  expect((await reader.read())[0]?.resources.cpuUs).toBe(100);
});

test('on a mixed host each number comes from where its controller is', async () => {
  reader = mixed();
  subjects = [{ cgroup: 5, path: '/docker/x', madeAt: 7n }];
  put('unified/docker/x/cpu.stat', 'usage_usec 999\n'); // of no process: cpuacct has the use
  put('unified/docker/x/cpu.pressure', 'some avg10=0 avg60=0 avg300=0 total=4\nfull avg10=0 total=2\n');
  put('cpuacct/docker/x/cpuacct.usage', '5000000\n');
  put('memory/docker/x/memory.usage_in_bytes', '10\n');
  const [reading] = await reader.read();
  expect(reading?.resources).toEqual(only({ cpuUs: 5000, cpuSomeUs: 4, cpuFullUs: 2, memoryBytes: 10 }));
});

test('on a mixed host CPU time of a container that is in v2 alone is what v2 says', async () => {
  const mounts = `cgroup2 ${root}/unified cgroup2 rw 0 0\ncgroup ${root}/cpu cgroup rw,cpu,cpuacct 0 0\n`;
  reader = new ResourceReader(findHierarchies(mounts), () => subjects);
  subjects = [{ cgroup: 5, path: '/x', madeAt: 7n }];
  const seen: (number | null)[] = [];
  for (const total of [100, 200, 300, 450]) {
    put('unified/x/cpu.stat', `usage_usec ${total}\n`);
    put('unified/x/io.pressure', 'some avg10=0.00 total=1\n');
    const [reading] = await reader.read();
    seen.push(reading?.resources.cpuUs ?? null);
  }
  // Runtimes make folders one after the other: not before v1 was looked for three times.
  expect(seen).toEqual([null, null, null, 150]);
});

test('what is not there is null and counted, and is looked for again', async () => {
  reader = mixed();
  subjects = [{ cgroup: 5, path: '/x', madeAt: 7n }];
  put('unified/x/cpu.stat', 'usage_usec 1\n');
  await reader.read();
  expect(reader.counts.missing).toMatchObject({ 'no-folder': 5, 'no-file': expect.any(Number) });
  put('memory/x/memory.usage_in_bytes', '10\n');
  expect((await reader.read())[0]?.resources.memoryBytes).toBe(10);
});

test('a container of which nothing can be read gives no reading', async () => {
  reader = v2();
  subjects = [{ cgroup: 5, path: '/nowhere', madeAt: 7n }];
  expect(await reader.read()).toEqual([]);
  expect(reader.counts.readings).toBe(0);
});

test('closes what it opened once a container is gone, and at the end', async () => {
  reader = v2();
  for (const name of ['a', 'b']) put(`${name}/pids.current`, '3\n');
  subjects = [
    { cgroup: 5, path: '/a', madeAt: null },
    { cgroup: 6, path: '/b', madeAt: null },
  ];
  await reader.read();
  expect(reader.counts.openFiles).toBe(2);
  subjects = subjects.slice(1);
  await reader.read();
  expect(reader.counts.openFiles).toBe(1);
  reader.close();
  reader.close();
  expect(reader.counts.openFiles).toBe(0);
});

test('files beyond the bound are opened for each reading, and say the same', async () => {
  reader = new ResourceReader(findHierarchies(`cgroup2 ${root} cgroup2 rw 0 0\n`), () => subjects, 0);
  put('a/memory.current', '1000\n');
  put('a/memory.stat', 'inactive_file 300\n');
  subjects = [{ cgroup: 0, path: '/a', madeAt: null }];
  expect((await reader.read())[0]?.resources.workingSetBytes).toBe(700);
  expect(reader.counts.openFiles).toBe(1);
  rmSync(join(root, 'a'), { recursive: true });
  for (let window = 0; window < 3; window += 1) await reader.read();
  expect(reader.counts.openFiles).toBe(0);
});

test('a cgroup id that is used again begins anew', async () => {
  reader = v2();
  put('a/cpu.stat', 'usage_usec 100\n');
  put('b/cpu.stat', 'usage_usec 7\n');
  subjects = [{ cgroup: 5, path: '/a', madeAt: 1n }];
  await reader.read();
  subjects = [{ cgroup: 5, path: '/b', madeAt: 2n }];
  expect((await reader.read())[0]?.resources.cpuUs).toBe(7);
  expect(reader.counts.openFiles).toBe(1);
});

test('more containers than there is room for are counted', async () => {
  reader = v2();
  put('a/pids.current', '3\n');
  subjects = Array.from({ length: 1030 }, (_, cgroup) => ({ cgroup, path: '/a', madeAt: null }));
  expect(await reader.read()).toHaveLength(1024);
  expect(reader.counts.missing['too-many']).toBe(6);
});
