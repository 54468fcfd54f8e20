/** The live half of the profiles on a real kernel: a container learns, then guards, and what it never did is told. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, skipReason, temporaryFolder } from '../kernel-fixtures.ts';
import { liveScene } from './live-scene.ts';

const ARM = process.arch === 'arm64';
// getppid and getuid; then calls that the test program makes nowhere else, mlockall and ptrace-like ones left out.
const COMMON = ARM ? '173,174,173' : '110,102,110';
const STRANGE = ARM ? '156,168,141,165,161' : '124,309,140,98,63';

describe.skipIf(skipReason('profiles') !== null)('profiles', () => {
  afterEach(cleanUp);

  it('are learnt silently, guarded without a word, and what was never done is one detection with its process', async () => {
    const { told, profiles, cgroup, doer, period, source } = await liveScene();
    const mine = <T extends { readonly cgroup: number }>(all: readonly T[]): T[] =>
      all.filter(({ cgroup: id }) => id === cgroup.id);
    const sequences = () =>
      told.detections.filter(
        ({ container, detector }) => container.cgroup === cgroup.id && detector === 'sequence',
      );
    for (let n = 0; n < 66; n++) await period(`sequence ${COMMON}`);
    const guards = mine(profiles).map(({ mode }) => mode);
    expect(new Set(guards)).toEqual(new Set(['guard']));
    expect(guards.length).toBeGreaterThanOrEqual(4); // at first, and again each minute
    expect(sequences()).toEqual([]);
    await period(`sequence ${STRANGE}`);
    expect(sequences().map(({ process }) => process?.pid)).toEqual([doer.pid]);
    expect(Number(sequences()[0]?.facts['pairs'])).toBeGreaterThanOrEqual(4);
    // Told once; and what was known stays known.
    await period(`sequence ${STRANGE}`, `sequence ${COMMON}`);
    expect(sequences()).toHaveLength(1);
    await source.stop();
  }, 240_000);

  it('hold what else was done: a known folder is silent in guard and stays so, a new one is told once', async () => {
    const { told, profiles, cgroup, period, source, novel } = await liveScene();
    const top = temporaryFolder();
    const [known, strange] = [join(top, 'known'), join(top, 'strange')];
    for (const folder of [known, strange]) {
      mkdirSync(folder);
      writeFileSync(join(folder, 'file'), '');
    }
    for (let n = 0; n < 30; n++) await period(`open ${known}/file 1`);
    const loaded = profiles.filter(({ cgroup: id, seen }) => id === cgroup.id && seen !== null);
    expect(loaded.at(-1)?.seen?.length).toBeGreaterThan(0);
    const before = novel();
    for (let n = 0; n < 26; n++) await period(`open ${known}/file 1`); // armed again twice
    expect(novel()).toBe(before);
    await period(`open ${strange}/file 1`, `open ${strange}/file 1`);
    expect(novel()).toBe(before + 1);
    const folders = told.detections.filter(
      ({ container, facts }) => container.cgroup === cgroup.id && facts['fact']?.startsWith('folder w'),
    );
    expect(folders.map(({ process }) => process?.exe)).toEqual(['doer']);
    await source.stop();
  }, 240_000);
});
