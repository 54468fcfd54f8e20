/** Containments that an older version pinned, with that version's own object; and those of a newer one. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type Containments, loadAddon } from '../../../native/index.ts';
import {
  atEnd,
  bootTime,
  cleanUp,
  type Doer,
  findCgroup2,
  makeCgroup,
  pinFolder,
  skipReason,
  startDoer,
  type TestCgroup,
  temporaryFolder,
} from '../kernel-fixtures.ts';

const EPERM = 1;
const KILLED = 9;
const REFUSED = 111;
/** Steps of a migration at which a process can die: pins, links, renames, removals. */
const MOST_STEPS = 200;
/** All of them take a minute. */
const STRIDE = 3;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

function open(folder: string): Containments {
  const containments = loadAddon().openContainments({ pinFolder: folder, cgroupRoot: findCgroup2() ?? '' });
  atEnd(() => {
    try {
      containments.remove();
    } catch {
      // the test removed it
    }
  });
  return containments;
}

interface Older {
  /** Pins layout 1 with one contained cgroup. */
  pin(folder: string, cgroup: TestCgroup): void;
  readonly preload: string;
}

function buildOlder(): Older {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  writeFileSync(at('v1.bpf.o'), gunzipSync(readFileSync(here('../layouts/v1.bpf.o.gz'))));
  const warnings = ['-O1', '-Wall', '-Wextra', '-Werror'];
  execFileSync('cc', [...warnings, here('../layouts/pin-v1.c'), '-o', at('pin-v1'), '-lbpf']);
  execFileSync('cc', [...warnings, '-shared', '-fPIC', here('../layouts/die-at.c'), '-o', at('die-at.so')]);
  return {
    preload: at('die-at.so'),
    pin: (pins, cgroup) =>
      void execFileSync(
        at('pin-v1'),
        [at('v1.bpf.o'), pins, cgroup.path, String(cgroup.id), String(bootTime(600))],
        { stdio: 'inherit' },
      ),
  };
}

/** The kernel shows files of its own at the root of a bpffs. */
function layoutsIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => /^v\d+$/.test(name));
}

async function isContained(inside: Doer): Promise<[number, number]> {
  return [await inside.ask('connect 127.0.0.1 17911'), await inside.ask('exec /bin/true')];
}

describe.skipIf(skipReason('pin layout') !== null)('pin layout', () => {
  afterEach(cleanUp);

  it('takes over what an older layout contains, and what it counted', async () => {
    const older = buildOlder();
    const folder = pinFolder();
    open(folder).close(); // mounts the bpffs
    execFileSync('rm', ['-r', `${folder}/v2`]);
    const [cgroup, later] = [makeCgroup(), makeCgroup()];
    const inside = await startDoer(cgroup.path);
    older.pin(folder, cgroup);
    expect(await isContained(inside)).toEqual([EPERM, KILLED]);

    const containments = open(folder);

    expect(layoutsIn(folder)).toEqual(['v2']);
    expect(containments.list()).toMatchObject([
      { cgroup: cgroup.id, networkDeny: true, killOnExec: true, cutProbes: false, order: 7n, since: 0n },
    ]);
    expect(await isContained(inside)).toEqual([EPERM, KILLED]);
    expect(containments.list()).toMatchObject([{ connects: 7n, execs: 2n }]); // 5 and 0 were there before
    expect(containments.release(cgroup.id)).toBe(true);
    expect(await isContained(inside)).toEqual([REFUSED, 0]);
    const flags = { networkDeny: true, killOnExec: true, cutProbes: false, allow: [] };
    containments.contain({
      cgroup: later.id,
      cgroupPath: later.path,
      ...flags,
      until: bootTime(60),
      order: 8n,
    });
    expect(Number(containments.list()[0]?.since)).toBeCloseTo(Number(bootTime(0)), -9);
  });

  it('keeps a container contained when it is killed at a step of the migration', async () => {
    const older = buildOlder();
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path);
    const folder = pinFolder();
    open(folder).close();
    let step = 1 - STRIDE;
    let free = 0;
    for (let done = false; !done && step < MOST_STEPS; ) {
      step += STRIDE;
      execFileSync('rm', ['-rf', `${folder}/v2`, `${folder}/v1`]);
      older.pin(folder, cgroup);
      const child = spawnSync(process.execPath, [here('child.ts'), 'openContainments', folder], {
        env: { ...process.env, LD_PRELOAD: older.preload, DIE_IN: folder, DIE_AT: String(step) },
        encoding: 'utf8',
      });
      done = child.signal !== 'SIGKILL';
      expect(done ? child.status : 0, child.stderr).toBe(0);
      if ((await isContained(inside)).join() !== `${EPERM},${KILLED}`) free += 1;
      const again = open(folder);
      if ((await isContained(inside)).join() !== `${EPERM},${KILLED}`) free += 1;
      expect(layoutsIn(folder)).toEqual(['v2']);
      expect(again.list()).toHaveLength(1);
      again.close();
    }
    expect(free).toBe(0);
    console.log(`killed at every third of some ${step} steps`);
    expect(step).toBeGreaterThan(30);
    expect(step).toBeLessThan(MOST_STEPS);
  }, 300_000);

  it('never lets a contained container go while it is moved', async () => {
    const older = buildOlder();
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path);
    const folder = pinFolder();
    open(folder).close();
    let asked = 0;
    for (let i = 0; i < 10; i++) {
      execFileSync('rm', ['-rf', `${folder}/v2`, `${folder}/v1`]);
      older.pin(folder, cgroup);
      let moving = true;
      const answers: number[] = [];
      const asking = (async () => {
        while (moving) answers.push(await inside.ask('connect 127.0.0.1 17911'));
      })();
      await promisify(execFile)(process.execPath, [here('child.ts'), 'openContainments', folder]);
      moving = false;
      await asking;
      expect(layoutsIn(folder)).toEqual(['v2']);
      expect(new Set(answers)).toEqual(new Set([EPERM]));
      asked += answers.length;
    }
    expect(asked).toBeGreaterThan(1000);
  }, 60_000);

  it('leaves alone what a newer version has pinned', async () => {
    const folder = pinFolder();
    const containments = open(folder);
    containments.close();
    mkdirSync(`${folder}/v3`);
    expect(open(folder).adopted).toBe(true); // a folder alone contains nothing
    execFileSync('mv', [`${folder}/v2/maps`, `${folder}/v3/maps`]);

    expect(() => open(folder)).toThrow(
      expect.objectContaining({
        code: 'PICKET_PIN_NEWER',
        message: `${folder}/v3 was pinned by a newer version; this one knows layout 2 and leaves its containments as they are`,
      }),
    );
    expect(existsSync(`${folder}/v3/maps/containments`)).toBe(true);
    execFileSync('rm', ['-r', `${folder}/v3`]);
    open(folder);
  });

  it('says so when it cannot read a layout', async () => {
    const folder = pinFolder();
    open(folder).close();
    mkdirSync(`${folder}/v1`);
    execFileSync('mv', [`${folder}/v2/maps`, `${folder}/v1/maps`]);
    expect(() => open(folder)).toThrow(expect.objectContaining({ code: 'PICKET_PIN_OLD' }));
    execFileSync('rm', ['-r', `${folder}/v1`]);
    open(folder);
  });
});
