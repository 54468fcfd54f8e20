/** What the agent does with a container's cgroup files, and what it tries from inside, on this kernel. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Groups, unifiedGroups } from '../../../agent/contain/groups.ts';
import { loadAddon } from '../../../native/index.ts';
import {
  atEnd,
  bootTime,
  cleanUp,
  findCgroup2,
  makeCgroup,
  pinFolder,
  skipReason,
  startDoer,
  type TestCgroup,
} from '../kernel-fixtures.ts';

const EPERM = 1;
const root = findCgroup2() ?? '';
const heldOf = ({ id, path }: TestCgroup) => ({ cgroup: id, path: path.slice(root.length) });
const refusal = skipReason('freezing and killing');

describe.skipIf(refusal !== null)('a container', { timeout: 60_000 }, () => {
  const groups: Groups = unifiedGroups(root);
  afterEach(cleanUp);

  it('does nothing while it is frozen, also in a cgroup below, and goes on when it is thawed', async () => {
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path);
    const below = await startDoer(makeCgroup('below', cgroup.path).path);
    expect(await groups.freeze(heldOf(cgroup), true)).toBe('frozen');
    let answered = 0;
    const asked = [inside, below].map((doer) => doer.ask('exec /bin/true').then(() => (answered += 1)));
    expect([await groups.frozen(heldOf(cgroup)), answered]).toEqual(['frozen', 0]);
    expect(await groups.freeze(heldOf(cgroup), false)).toBe('running');
    await Promise.all(asked);
    expect(answered).toBe(2);
  });

  it('is empty after a kill, also where it was frozen, and its neighbour is not touched', async () => {
    const [cgroup, other] = [makeCgroup(), makeCgroup()];
    await startDoer(cgroup.path);
    await startDoer(makeCgroup('below', cgroup.path).path);
    const neighbour = await startDoer(other.path);
    await groups.freeze(heldOf(cgroup), true);
    expect(await groups.kill(heldOf(cgroup))).toBe(0);
    expect(readFileSync(join(cgroup.path, 'cgroup.events'), 'utf8')).toContain('populated 0');
    expect(await neighbour.ask('exec /bin/true')).toBe(0);
  });

  it('is not taken for another that has its path, nor is the root', async () => {
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path);
    const held = { ...heldOf(cgroup), cgroup: cgroup.id + 1 };
    expect([await groups.freeze(held, true), await groups.kill(held)]).toEqual(['gone', 0]);
    expect(await inside.ask('exec /bin/true')).toBe(0);
    for (const path of ['/', '', '/a/../..', 'relative'])
      await expect(groups.kill({ cgroup: 1, path })).rejects.toThrow("no container's cgroup");
    await cgroup.remove();
    expect([existsSync(cgroup.path), await groups.freeze(heldOf(cgroup), true)]).toEqual([false, 'gone']);
  });

  it('refuses what is tried from inside when it is contained, and only then', async () => {
    const addon = loadAddon();
    const containments = addon.openContainments({ pinFolder: pinFolder(), cgroupRoot: root });
    atEnd(() => containments.remove());
    const cgroup = makeCgroup();
    const at = { cgroup: cgroup.id, cgroupPath: cgroup.path };
    const before = await addon.tryInside(at);
    expect(Object.values(before)).not.toContain(EPERM);
    const flags = { networkDeny: true, killOnExec: true, cutProbes: false, allow: [] };
    containments.contain({ ...at, ...flags, until: bootTime(60), order: 7n });
    const during = await addon.tryInside(at);
    // Null where this machine has no such sockets.
    expect(Object.values(during).filter((said) => said !== null && said !== EPERM)).toEqual([]);
    expect(during.tcp4).toBe(EPERM);
    expect(containments.list()[0]?.connects).toBeGreaterThanOrEqual(1n);
    await groups.freeze(heldOf(cgroup), true);
    await expect(addon.tryInside(at)).rejects.toThrow(expect.objectContaining({ code: 'PICKET_CGROUP' }));
    await groups.freeze(heldOf(cgroup), false);
    containments.release(cgroup.id);
    expect(await addon.tryInside(at)).toEqual(before);
    await expect(addon.tryInside({ ...at, cgroup: cgroup.id + 1 })).rejects.toThrow('is not the cgroup');
  });
});
