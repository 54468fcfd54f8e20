import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type ContainmentRequest, type Containments, loadAddon } from '../../../native/index.ts';
import {
  atEnd,
  bootTime,
  cleanUp,
  constant,
  type Doer,
  findCgroup2,
  makeCgroup,
  moveTo,
  openTestProbe,
  pinFolder,
  skipReason,
  startDoer,
  type TestCgroup,
  until,
} from '../kernel-fixtures.ts';

const EPERM = 1;
const KILLED = 9; // wait status of a process ended by SIGKILL
const REFUSED = 111;
const TIMED_OUT = 110;

const cgroupRoot = findCgroup2() ?? '';

function open(folder: string): Containments {
  const containments = loadAddon().openContainments({ pinFolder: folder, cgroupRoot });
  atEnd(() => {
    try {
      containments.remove();
    } catch {
      // the test closed or removed it
    }
  });
  return containments;
}

function request(cgroup: TestCgroup, over: Partial<ContainmentRequest> = {}): ContainmentRequest {
  const flags = { networkDeny: true, killOnExec: false, cutProbes: false, allow: [] };
  return { cgroup: cgroup.id, cgroupPath: cgroup.path, ...flags, until: bootTime(60), order: 7n, ...over };
}

type Peer = ContainmentRequest['allow'][number];
const allow = (address: string, more: Partial<Peer>): Peer => ({
  ...{ direction: 'to', bits: isIPv6(address) ? 64 : 32, protocol: 'tcp', low: 0, high: 65_535 },
  address,
  ...more,
});

/** The results of a byte sent over an established connection and of the peer that is to send it back. */
async function exchange(from: Doer, to: Doer): Promise<[number, number]> {
  const answer = to.ask('reply');
  return [await from.ask('echo'), await answer];
}

/** A container process with an established connection over loopback to a peer outside. */
async function connectedPair(port: number): Promise<{ cgroup: TestCgroup; inside: Doer; outside: Doer }> {
  const cgroup = makeCgroup();
  const inside = await startDoer(cgroup.path);
  const outside = await startDoer(null);
  await outside.ask(`listen 127.0.0.1 ${port}`);
  expect(await inside.ask(`connect 127.0.0.1 ${port}`)).toBe(0);
  await outside.ask('accept');
  return { cgroup, inside, outside };
}

interface Network {
  readonly prefix: readonly string[];
  readonly node: string;
  readonly container: string;
  readonly node6: string;
  readonly container6: string;
  /** Nobody is there. */
  readonly other: string;
}

let networks = 0;
/**
 * A network namespace joined to this one: the node at .1, the container at .2. Each has names and addresses of its own: a link
 * goes a while after its namespace.
 */
function makeNetwork(): Network {
  const at = 77 + networks++;
  const name = `picket-test-${process.pid}-${at}`;
  const link = `pk${process.pid % 100_000}n${at}`;
  const run = (line: string) => execFileSync('ip', line.split(' '));
  run(`netns add ${name}`);
  atEnd(() => void run(`netns del ${name}`));
  run(`link add ${link} type veth peer name eth0 netns ${name}`);
  run(`addr add 198.18.${at}.1/30 dev ${link}`);
  run(`link set ${link} up`);
  run(`-n ${name} addr add 198.18.${at}.2/30 dev eth0`);
  run(`-n ${name} link set eth0 up`);
  // No detection of duplicates: the addresses are there at once.
  run(`addr add 2001:db8:${at}::1/64 dev ${link} nodad`);
  run(`-n ${name} addr add 2001:db8:${at}::2/64 dev eth0 nodad`);
  return {
    ...{ prefix: ['ip', 'netns', 'exec', name], node: `198.18.${at}.1`, container: `198.18.${at}.2` },
    ...{ node6: `2001:db8:${at}::1`, container6: `2001:db8:${at}::2`, other: `198.18.${at}.3` },
  };
}

describe.skipIf(skipReason('containment') !== null)('containment', () => {
  afterEach(cleanUp);

  it('cuts connects, datagrams and what was established, tells of it, and gives it all back', async () => {
    const folder = pinFolder();
    const containments = open(folder);
    const { of } = await openTestProbe({ pinFolder: folder });
    const { cgroup, inside, outside } = await connectedPair(17901);
    const neighbour = await startDoer(makeCgroup().path);
    expect(await exchange(inside, outside)).toEqual([0, 0]);
    containments.contain(request(cgroup));
    expect(await exchange(inside, outside)).toEqual([TIMED_OUT, TIMED_OUT]);
    expect(await inside.ask('connect 127.0.0.1 17901')).toBe(EPERM);
    expect(await inside.ask('connect ::1 17901')).toBe(EPERM);
    expect(await inside.ask('udp 127.0.0.1 17901')).toBe(EPERM);
    expect(await neighbour.ask('connect 127.0.0.1 17901')).toBe(0);
    const [entry] = containments.list();
    expect(entry).toMatchObject({ cgroup: cgroup.id, networkDeny: true, killOnExec: false, order: 7n });
    expect([entry?.connects, entry?.sends, entry?.execs]).toEqual([2n, 1n, 0n]);
    expect(entry?.packets).toBeGreaterThan(0n);
    // One a second of each kind: what was established may have been told twice by now, before the connect is.
    const denied = () => new Set(of('RECORD_DENIED', cgroup.id).map((record) => record.field('what')));
    await until(() => denied().size >= 2);
    expect(denied()).toEqual(new Set([constant('DENIED_CONNECT'), constant('DENIED_SEND')]));
    expect(containments.release(cgroup.id)).toBe(true);
    expect(containments.release(cgroup.id)).toBe(false);
    expect(await inside.ask('udp 127.0.0.1 17902')).toBe(0);
    expect(await inside.ask('connect 127.0.0.1 17901')).toBe(0);
    await outside.end();
  });

  it('reports at most one denial a second of a kind, and counts them all', async () => {
    const folder = pinFolder();
    const containments = open(folder);
    const { of } = await openTestProbe({ pinFolder: folder });
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path);
    containments.contain(request(cgroup));
    for (let i = 0; i < 200; i++) expect(await inside.ask('connect 127.0.0.1 17903')).toBe(EPERM);
    await sleep(100);
    expect(containments.list()[0]?.connects).toBe(200n);
    expect(of('RECORD_DENIED', cgroup.id).length).toBeLessThanOrEqual(2);
    expect(of('RECORD_DENIED', cgroup.id).length).toBeGreaterThan(0);
  });

  it('ends by itself when its time is over', async () => {
    const containments = open(pinFolder());
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path);
    containments.contain(request(cgroup, { killOnExec: true, until: bootTime(0.7) }));
    expect(await inside.ask('connect 127.0.0.1 17904')).toBe(EPERM);
    expect(await inside.ask('exec /bin/true')).toBe(KILLED);
    await sleep(800);
    expect(await inside.ask('connect 127.0.0.1 17904')).toBe(REFUSED);
    expect(await inside.ask('exec /bin/true')).toBe(0);
    expect(containments.list()).toHaveLength(1); // told until it is released
  });

  it('kills what a contained container executes, also in a cgroup made later, and nothing else', async () => {
    const containments = open(pinFolder());
    const [cgroup, other] = [makeCgroup(), makeCgroup()];
    const [inside, outside] = [await startDoer(cgroup.path), await startDoer(other.path)];
    containments.contain(request(cgroup, { networkDeny: false, killOnExec: true }));
    expect(await inside.ask('exec /bin/true')).toBe(KILLED);
    expect(await outside.ask('exec /bin/true')).toBe(0);
    expect(await inside.ask('connect 127.0.0.1 17905')).toBe(REFUSED);
    const nested = makeCgroup('later', cgroup.path);
    moveTo(nested, inside.pid);
    expect(await inside.ask('exec /bin/true')).toBe(KILLED);
    expect(containments.list()[0]?.execs).toBe(2n);
    containments.contain(request(cgroup, { networkDeny: true, killOnExec: false }));
    expect(await inside.ask('exec /bin/true')).toBe(0);
    expect(await inside.ask('connect 127.0.0.1 17905')).toBe(EPERM);
    expect(containments.list()[0]?.execs).toBe(2n); // the counters of the first call stay
  });

  it.each([
    ["the node's pid namespace", []],
    ['a pid namespace of its own', ['unshare', '--pid', '--fork', '--kill-child']],
  ])("does not count what an agent in %s tries from inside as the contained container's deed", (_, prefix) => {
    const cgroup = makeCgroup();
    const child = fileURLToPath(new URL('child.ts', import.meta.url));
    const folder = pinFolder();
    open(folder).close(); // so that the mount is in this process's namespace
    const line = [...prefix, process.execPath, child, 'tryExec', folder, cgroup.path, String(cgroup.id)];
    const { stdout } = spawnSync('env', line, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    expect(stdout.trim()).toBe('-1 0');
  });

  it('holds after close and after the death of its process, and is taken over', async () => {
    const folder = pinFolder();
    open(folder).close(); // so that the mount is in this process's namespace
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path);
    const child = fileURLToPath(new URL('child.ts', import.meta.url));
    const values = [folder, cgroup.path, String(cgroup.id), String(bootTime(60))];
    expect(spawnSync(process.execPath, [child, 'contain', ...values], { stdio: 'inherit' }).signal).toBe(
      'SIGKILL',
    );
    expect(await inside.ask('connect 127.0.0.1 17906')).toBe(EPERM);
    expect(await inside.ask('exec /bin/true')).toBe(KILLED);
    const again = open(folder);
    expect(again.adopted).toBe(true);
    expect(again.hooks.map((hook) => hook.state)).toEqual(Array(7).fill('attached'));
    expect(again.list()[0]).toMatchObject({ cgroup: cgroup.id, networkDeny: true, killOnExec: true });
    expect(again.release(cgroup.id)).toBe(true);
    expect(await inside.ask('connect 127.0.0.1 17906')).toBe(REFUSED);
    expect(await inside.ask('exec /bin/true')).toBe(0);
  });

  it('lets connections of the node in, but none out to it, unless probes are cut', async () => {
    const network = makeNetwork();
    const containments = open(pinFolder());
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path, network.prefix);
    const node = await startDoer(null);
    await inside.ask(`listen ${network.container} 17907`);
    await node.ask(`listen ${network.node} 17908`);
    // A connection to the node from before the containment.
    expect(await inside.ask(`connect ${network.node} 17908`)).toBe(0);
    await node.ask('accept');
    expect(await exchange(inside, node)).toEqual([0, 0]);
    containments.contain(request(cgroup));
    containments.setNodeAddresses([network.node]);
    expect(await exchange(inside, node)).toEqual([TIMED_OUT, TIMED_OUT]); // that one the node did not begin
    containments.setNodeAddresses([]);
    expect(await node.ask(`connect ${network.container} 17907`)).toBe(TIMED_OUT);
    containments.setNodeAddresses([network.node]);
    expect(await node.ask(`connect ${network.container} 17907`)).toBe(0);
    expect(await inside.ask('accept')).toBe(0);
    expect(await exchange(node, inside)).toEqual([0, 0]);
    expect(await inside.ask(`connect ${network.node} 17908`)).toBe(EPERM);
    expect(await inside.ask(`udp ${network.node} 17908`)).toBe(EPERM);
    containments.contain(request(cgroup, { cutProbes: true }));
    expect(await node.ask(`connect ${network.container} 17907`)).toBe(TIMED_OUT);
  });

  it('lets through what is on a list, of both families, and nothing beside it', async () => {
    const network = makeNetwork();
    const containments = open(pinFolder());
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path, network.prefix);
    const [node, node6] = [await startDoer(null), await startDoer(null)];
    await node.ask(`listen ${network.node} 17911`);
    await node6.ask(`listen ${network.node6} 17912`);
    const list = [
      allow(network.node, { low: 17911, high: 17911 }),
      allow(network.node6, { low: 17912, high: 17913 }),
      allow(network.node, { protocol: 'udp', low: 17911, high: 17911 }),
    ];
    containments.contain(request(cgroup, { allow: list }));
    expect(containments.list()[0]).toMatchObject({ networkDeny: true, allows: true });
    expect(await inside.ask(`connect ${network.node} 17911`)).toBe(0);
    await node.ask('accept');
    expect(await exchange(inside, node)).toEqual([0, 0]);
    expect(await inside.ask(`udp ${network.node} 17911`)).toBe(0);
    expect(await inside.ask(`connect ${network.node6} 17912`)).toBe(0);
    await node6.ask('accept');
    expect(await exchange(inside, node6)).toEqual([0, 0]);
    // ::ffff:198.18.77.1 is the IPv4 peer.
    expect(await inside.ask(`connect ::ffff:${network.node} 17911`)).toBe(0);
    // Other ports, another protocol, other addresses.
    expect(await inside.ask(`connect ${network.node} 17914`)).toBe(EPERM);
    expect(await inside.ask(`connect ${network.node6} 17914`)).toBe(EPERM);
    expect(await inside.ask(`udp ${network.node} 17914`)).toBe(EPERM);
    expect(await inside.ask(`connect ${network.other} 17911`)).toBe(EPERM);
    expect(await inside.ask('connect 2001:db8:1::1 17912')).toBe(EPERM);
    // Whom it may call may not call it.
    await inside.ask(`listen ${network.container} 17911`);
    expect(await node.ask(`connect ${network.container} 17911`)).toBe(TIMED_OUT);
  });

  it('cuts an open connection that a new list does not name, and goes on with one that it does', async () => {
    const network = makeNetwork();
    const containments = open(pinFolder());
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path, network.prefix);
    const node = await startDoer(null);
    await node.ask(`listen ${network.node} 17915`);
    expect(await inside.ask(`connect ${network.node} 17915`)).toBe(0);
    await node.ask('accept');
    containments.contain(request(cgroup, { allow: [allow(network.node, { low: 17915, high: 17915 })] }));
    expect(await exchange(inside, node)).toEqual([0, 0]);
    containments.contain(request(cgroup, { allow: [allow(network.node, { low: 17916, high: 17916 })] }));
    expect(await exchange(inside, node)).toEqual([TIMED_OUT, TIMED_OUT]);
    containments.contain(request(cgroup)); // no list any more
    expect(containments.list()[0]?.allows).toBe(false);
    expect(await inside.ask(`connect ${network.node} 17915`)).toBe(EPERM);
  });

  it('lets peers in to the ports on a list, and the container not out from them', async () => {
    const network = makeNetwork();
    const containments = open(pinFolder());
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path, network.prefix);
    const node = await startDoer(null);
    await inside.ask(`listen ${network.container} 17917`);
    await node.ask(`listen ${network.node} 17917`);
    const served = allow(network.node, { direction: 'from', low: 17917, high: 17917 });
    containments.contain(request(cgroup, { allow: [served] }));
    expect(await node.ask(`connect ${network.container} 17917`)).toBe(0);
    expect(await inside.ask('accept')).toBe(0);
    expect(await exchange(node, inside)).toEqual([0, 0]);
    containments.contain(request(cgroup, { allow: [{ ...served, address: network.other }] }));
    expect(await exchange(node, inside)).toEqual([TIMED_OUT, TIMED_OUT]);
    containments.contain(request(cgroup, { allow: [served] }));
    expect(await inside.ask(`connect ${network.node} 17917`)).toBe(EPERM);
  });

  it('keeps its list without the process that gave it, until its end', async () => {
    const folder = pinFolder();
    const network = makeNetwork();
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path, network.prefix);
    const first = open(folder);
    first.contain(request(cgroup, { allow: [allow(network.node, { low: 17918, high: 17918 })] }));
    first.close();
    expect(await inside.ask(`connect ${network.node} 17918`)).toBe(REFUSED);
    expect(await inside.ask(`connect ${network.node} 17919`)).toBe(EPERM);
    const again = open(folder);
    expect([again.adopted, again.list()[0]?.allows]).toEqual([true, true]);
    const addon = loadAddon();
    const at = { cgroup: cgroup.id, cgroupPath: cgroup.path };
    const [listed, other] = await addon.tryPeers({
      ...at,
      peers: [
        { address: network.node, protocol: 'tcp', port: 17918 },
        { address: network.node, protocol: 'udp', port: 17918 },
      ],
    });
    expect([listed === EPERM, other === EPERM]).toEqual([false, true]);
    expect(again.release(cgroup.id)).toBe(true);
    expect(await inside.ask(`connect ${network.node} 17919`)).toBe(REFUSED);
  });

  it('refuses a list of what is no peer, and one that is too long', () => {
    const containments = open(pinFolder());
    const cgroup = makeCgroup();
    for (const wrong of [
      [allow('node-1', {})],
      [allow('198.18.77.1', { bits: 33 })],
      [allow('198.18.77.1', { low: 9, high: 8 })],
      Array.from({ length: 33 }, () => allow('198.18.77.1', {})),
    ])
      expect(() => containments.contain(request(cgroup, { allow: wrong }))).toThrow(
        expect.objectContaining({ code: 'PICKET_ARGUMENT' }),
      );
    expect(containments.list()).toEqual([]);
  });

  it('leaves nothing behind when it is removed', async () => {
    const folder = pinFolder();
    const containments = open(folder);
    const cgroup = makeCgroup();
    const inside = await startDoer(cgroup.path);
    containments.contain(request(cgroup, { killOnExec: true }));
    expect(readdirSync(`${folder}/v${constant('PICKET_CONTAIN_LAYOUT')}/links`)).toHaveLength(7);
    containments.remove();
    expect(existsSync(folder)).toBe(false);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(folder);
    expect(await inside.ask('connect 127.0.0.1 17909')).toBe(REFUSED);
    expect(await inside.ask('exec /bin/true')).toBe(0);
    expect(() => containments.list()).toThrow(expect.objectContaining({ code: 'PICKET_CLOSED' }));
  });

  it('refuses a path that is not the cgroup, and addresses that no node has', () => {
    const containments = open(pinFolder());
    const [one, other] = [makeCgroup(), makeCgroup()];
    const wrong = (over: Partial<ContainmentRequest>) => () => containments.contain(request(one, over));
    expect(wrong({ cgroupPath: other.path })).toThrow(expect.objectContaining({ code: 'PICKET_CGROUP' }));
    expect(wrong({ cgroupPath: '/tmp' })).toThrow(expect.objectContaining({ code: 'PICKET_CGROUP' }));
    expect(wrong({ cgroupPath: `${one.path}-gone` })).toThrow(
      expect.objectContaining({ code: 'PICKET_CGROUP' }),
    );
    expect(containments.list()).toEqual([]);
    for (const address of ['127.0.0.1', '::1', 'node-1', '']) {
      expect(() => containments.setNodeAddresses([address])).toThrow(
        expect.objectContaining({ code: 'PICKET_ARGUMENT' }),
      );
    }
  });
});
