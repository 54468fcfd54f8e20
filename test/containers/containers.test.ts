/** The container harness itself: real containers, and nothing left behind. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { leftovers, Sandbox, whyNoContainers } from '../../cli/demo/containers.ts';
import { podName } from '../../cli/demo/pod-list.ts';

const NAME = `picket-test-${process.pid}`;
const reason = await whyNoContainers();
if (reason !== null) console.log(`skipped: real containers: ${reason}`);

/** A process that ended but was not yet waited for by the machine's init does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe.skipIf(reason !== null)('sandbox', { timeout: 30_000 }, () => {
  let sandbox: Sandbox | null = null;

  afterEach(async () => {
    await sandbox?.stop();
    sandbox = null;
  });

  test('a container runs in its own cgroup2 group, in a pod of the list, with none of the machine’s secrets', async () => {
    sandbox = await Sandbox.create({ name: NAME, node: 'n1' });
    const container = await sandbox.start({ name: 'web', namespace: 'demo', args: ['/usr/bin/sleep', '60'] });

    const cgroup = readFileSync(`/proc/${container.pid}/cgroup`, 'utf8').match(/^0::(.*)$/m)?.[1];
    const shadow = await sandbox.exec(container, ['cat', '/etc/shadow']);
    const pods = JSON.parse(readFileSync(sandbox.podsFile, 'utf8'));

    expect(cgroup).toBe(container.cgroup);
    expect(shadow).toEqual({
      code: 0,
      stdout: 'root:$6$picket$sampleOnlyNotARealHash:20000:0:99999:7:::\n',
      stderr: '',
    });
    expect(pods.items[0].metadata.name).toBe(podName(container));
    expect(pods.items[0].status.containerStatuses[0].containerID).toBe(`containerd://${container.id}`);
  });

  test('containers reach each other and the outside, and not the machine’s own network', async () => {
    sandbox = await Sandbox.create({ name: NAME, node: 'n1' });
    const server = await sandbox.start({ name: 'a', namespace: 'demo', args: ['/usr/bin/sleep', '60'] });
    const client = await sandbox.start({ name: 'b', namespace: 'demo', args: ['/usr/bin/sleep', '60'] });
    // "refused" proves that the address answered: nobody listens there.
    const reach = async (address: string): Promise<string> =>
      (await (sandbox as Sandbox).exec(client, ['bash', '-c', `exec 3<>/dev/tcp/${address}/9`])).stderr;

    expect(await reach(server.address)).toContain('refused');
    expect(await reach('10.99.0.2')).toContain('refused');
    expect(await reach('192.0.2.1')).toContain('unreachable');
  });

  test('stop leaves no process, cgroup, namespace or folder', async () => {
    sandbox = await Sandbox.create({ name: NAME, node: 'n1' });
    await sandbox.start({ name: 'web', namespace: 'demo', args: ['/bin/sh', '-c', 'sleep 60 & sleep 60'] });
    expect(leftovers(NAME).length).toBeGreaterThan(3);

    expect(await sandbox.stop()).toEqual([]);
    expect(leftovers(NAME)).toEqual([]);
  });

  test('a new sandbox removes what a crashed one of the same name left', async () => {
    sandbox = await Sandbox.create({ name: NAME, node: 'n1' });
    const old = await sandbox.start({ name: 'web', namespace: 'demo', args: ['/usr/bin/sleep', '60'] });

    sandbox = await Sandbox.create({ name: NAME, node: 'n1' });

    expect(isRunning(old.pid)).toBe(false);
    expect(JSON.parse(readFileSync(sandbox.podsFile, 'utf8')).items).toEqual([]);
  });
});
