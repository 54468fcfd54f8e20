import { generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import type { Groups, Held } from '../../../agent/contain/groups.ts';
import { orderMark, readLeases } from '../../../agent/contain/lease.ts';
import { Leases } from '../../../agent/contain/leases.ts';
import type { LeaseContainer } from '../../../agent/contain/target.ts';
import { createVerifier } from '../../../agent/contain/verify.ts';
import { givenClock } from '../../../kit/clock.ts';
import {
  encodeOrder,
  type Input,
  type Order,
  type OrderReport,
  type SignedOrder,
} from '../../../wire/index.ts';
import { fakeContainments } from '../../fakes/containments.ts';

const folder = mkdtempSync(join(tmpdir(), 'picket-leases-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MINUTE = 60_000;
const WALL = 1_800_000_000_000;
const BOOT_NS = 5_000_000_000_000n;
const UID = '4c1f0a52-0b7e-4b6e-9d5d-8c1b2a3d4e5f';
const keys = generateKeyPairSync('ed25519');
const others = generateKeyPairSync('ed25519');
const publicKey = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const started: Leases[] = [];
afterEach(async () => {
  for (const leases of started.splice(0)) await leases.stop();
});

function container(cgroup: number, more: Partial<LeaseContainer['identity']> = {}): LeaseContainer {
  const id = String(cgroup).repeat(64).slice(0, 64);
  const identity = {
    name: 'web',
    pod: 'web-1',
    podUid: UID,
    namespace: 'shop',
    workload: 'local/shop/Deployment/web/web',
    image: '',
    imageDigest: '',
    ...more,
  };
  return { id, kind: 'container', cgroup, path: `/kubepods/pod${UID}/${id}`, madeAt: null, identity };
}

function order(more: Input<Order> = {}): Input<Order> {
  return {
    id: 'ord-1',
    cluster: 'local',
    node: 'node-a',
    kind: 'contain',
    target: { podUid: UID, containerName: 'web' },
    networkDeny: true,
    leaseMs: 10 * MINUTE,
    notAfterMs: WALL + 60 * MINUTE,
    reason: 'a test',
    actor: 'policy:test',
    ...more,
  };
}

function signed(content: Input<Order>, by = keys.privateKey, keyId = 'key-1'): SignedOrder {
  const payload = encodeOrder(content);
  return { payload, keyId, signature: sign(null, payload, by) };
}

/** cgroups' own files as a map; every call, in order. */
function fakeGroups() {
  const frozen = new Set<number>();
  const calls: string[] = [];
  const groups: Groups & { failure: string | null } = {
    failure: null,
    async freeze({ cgroup }: Held, on) {
      calls.push(`${on ? 'freeze' : 'thaw'} ${cgroup}`);
      if (this.failure !== null) throw new Error(this.failure);
      if (on) frozen.add(cgroup);
      else frozen.delete(cgroup);
      return on ? 'frozen' : 'running';
    },
    frozen: async ({ cgroup }) => (frozen.has(cgroup) ? 'frozen' : 'running'),
    async kill({ cgroup }) {
      calls.push(`kill ${cgroup}`);
      return 0;
    },
  };
  return { groups, frozen, calls };
}

const REFUSED = { tcp4: 1, tcp6: 1, udp4: 1, udp6: 1 };

interface World {
  readonly path?: string;
  readonly boot?: string;
  readonly live?: LeaseContainer[];
  readonly enabled?: boolean;
  readonly ownCgroup?: string;
  readonly atMs?: number;
  readonly containments?: ReturnType<typeof fakeContainments>;
  readonly held?: ReturnType<typeof fakeGroups>;
  readonly tries?: typeof REFUSED | 'none';
}

let files = 0;
function world(options: World = {}) {
  const atMs = options.atMs ?? 0;
  const clock = givenClock({ bootNs: BOOT_NS + BigInt(atMs) * 1_000_000n, wallMs: WALL + atMs });
  const containments = options.containments ?? fakeContainments();
  const held = options.held ?? fakeGroups();
  const reports: Input<OrderReport>[] = [];
  const errors: unknown[] = [];
  const live = options.live ?? [container(42)];
  const path = options.path ?? join(folder, `leases-${files++}.json`);
  const leases = new Leases({
    path,
    boot: options.boot ?? 'boot-1',
    clock,
    containments,
    verifier: () => createVerifier({ cluster: 'local', node: 'node-a', keys: [{ id: 'key-1', publicKey }] }),
    groups: held.groups,
    tryInside: async () => {
      if (options.tries === 'none') throw new Error('no process in it');
      return options.tries ?? REFUSED;
    },
    cgroupRoot: '/sys/fs/cgroup',
    ownCgroup: options.ownCgroup ?? '/system.slice/picket.service',
    enabled: options.enabled ?? true,
    live: () => live,
    report: (report) => reports.push(report),
    log: () => undefined,
    onError: (error) => errors.push(error),
  });
  started.push(leases);
  const outcomes = (): string[] => reports.map(({ order: id, state }) => `${id} ${state}`);
  return { leases, clock, containments, held, reports, outcomes, errors, live, path };
}

test('contains at once, for the duration of the lease, and reports until when', async () => {
  const { leases, containments, reports } = world();
  await leases.receive(signed(order({ killOnExec: true })));
  expect([...containments.entries.values()]).toEqual([
    {
      cgroup: 42,
      cgroupPath: `/sys/fs/cgroup${container(42).path}`,
      networkDeny: true,
      killOnExec: true,
      cutProbes: false,
      until: BOOT_NS + 600_000_000_000n,
      order: orderMark('ord-1'),
    },
  ]);
  expect(reports).toEqual([
    {
      order: 'ord-1',
      state: 'applied',
      detail: '',
      wallMs: WALL,
      untilMs: WALL + 10 * MINUTE,
      verified: 'no',
      proof: ['network: from inside tcp4, tcp6, udp4, udp6 refused', 'programs: kill_on_exec is absent'],
      open: [
        'connections that the node itself begins (probes)',
        'packet sockets',
        'what other containers do for it',
        'processes that run now',
        'files and volumes',
      ],
    },
  ]);
});

test('says that a containment holds only when it was tried from inside and refused', async () => {
  const verified = async (options: World): Promise<unknown> => {
    const { leases, reports } = world(options);
    await leases.receive(signed(order()));
    return [reports[0]?.verified, reports[0]?.proof?.[0]];
  };
  expect(await verified({})).toEqual(['tried', 'network: from inside tcp4, tcp6, udp4, udp6 refused']);
  expect(await verified({ tries: { ...REFUSED, udp6: 101 } })).toEqual([
    'no',
    'network: from inside udp6 got through',
  ]);
  expect(await verified({ tries: 'none' })).toEqual([
    'read-back',
    'network: entry and programs read back; not tried: no process in it',
  ]);
});

test('freezes after it has tried the network, and thaws what it froze', async () => {
  const { leases, held, outcomes, reports } = world();
  await leases.receive(signed(order({ freeze: true })));
  expect([held.calls, reports[0]?.verified, reports[0]?.proof]).toEqual([
    ['freeze 42'],
    'tried',
    ['network: from inside tcp4, tcp6, udp4, udp6 refused', 'freeze: cgroup frozen'],
  ]);
  await leases.receive(signed(order({ id: 'ord-2', kind: 'release', releases: 'ord-1' })));
  expect(held.calls).toEqual(['freeze 42', 'thaw 42']);
  expect(outcomes()).toEqual(['ord-1 applied', 'ord-1 released', 'ord-2 applied']);
});

test('thaws what another lease does not hold any more either', async () => {
  const { leases, held } = world();
  await leases.receive(signed(order({ networkDeny: false, freeze: true })));
  await leases.receive(signed(order({ id: 'ord-2', networkDeny: false, freeze: true })));
  await leases.receive(signed(order({ id: 'ord-3', kind: 'release', releases: 'ord-1' })));
  expect([...held.frozen]).toEqual([42]);
  await leases.receive(signed(order({ id: 'ord-4', kind: 'release', releases: 'ord-2' })));
  expect([...held.frozen]).toEqual([]);
});

test('an agent that starts after the end of a lease thaws what an earlier one froze', async () => {
  const before = world();
  await before.leases.receive(signed(order({ networkDeny: false, freeze: true })));
  await before.leases.stop();

  const after = world({ path: before.path, held: before.held, atMs: 11 * MINUTE, live: [] });
  await after.leases.restore();

  expect(before.held.calls).toEqual(['freeze 42', 'thaw 42']);
  expect(after.outcomes()).toEqual(['ord-1 expired']);
});

test('a container that begins anew under a lease is frozen once more', async () => {
  const { leases, held, live } = world();
  await leases.receive(signed(order({ networkDeny: false, freeze: true })));
  live[0] = container(43);
  leases.appeared(container(43));
  await vi.waitFor(() => expect(held.calls).toEqual(['freeze 42', 'freeze 43']), { timeout: 20_000 });
  leases.appeared(container(43));
  await leases.stop();
  expect(held.calls).toEqual(['freeze 42', 'freeze 43']);
});

test('what cannot be frozen is a failed order that leaves nothing behind', async () => {
  const { leases, held, containments, outcomes, errors } = world();
  held.groups.failure = 'read-only file system';
  await leases.receive(signed(order({ freeze: true })));
  expect([outcomes(), containments.entries.size, leases.active()]).toEqual([['ord-1 failed'], 0, []]);
  expect(errors).toHaveLength(2);
});

test('kills once, is done then, and does not kill again what is sent again or began anew', async () => {
  const { leases, held, reports, live, path, containments } = world();
  const kill = signed(order({ networkDeny: false, kill: true }));
  await leases.receive(kill);
  expect(reports).toMatchObject([
    { order: 'ord-1', state: 'done', untilMs: 0, verified: 'tried', proof: ['kill: 1 cgroups are empty'] },
  ]);
  live[0] = container(43);
  leases.appeared(container(43));
  await leases.receive(kill);
  await leases.stop();
  const after = world({ path, held, live: [container(43)], containments });
  await after.leases.restore();
  await after.leases.receive(kill);
  expect(held.calls).toEqual(['kill 42']);
});

test('a kill that an agent died in is gone on with where it was meant, and nowhere else', async () => {
  const before = world();
  before.held.groups.kill = () => new Promise(() => undefined);
  const kill = signed(order({ networkDeny: false, kill: true }));
  void before.leases.receive(kill);
  await vi.waitFor(async () => expect((await readLeases(before.path))[0]?.touched).toHaveLength(1), {
    timeout: 20_000,
  });

  const held = fakeGroups();
  const after = world({ path: before.path, held, live: [container(43)] });
  await after.leases.restore();
  await after.leases.receive(kill);

  expect([held.calls, after.outcomes()]).toEqual([['kill 42'], ['ord-1 done']]);
});

test('a lease ends at not-after when that is earlier', async () => {
  const { leases, containments } = world();
  await leases.receive(signed(order({ notAfterMs: WALL + MINUTE })));
  expect(containments.entries.get(42)?.until).toBe(BOOT_NS + 60_000_000_000n);
});

test.each([
  ['another key', signed(order(), others.privateKey), 'bad-signature', []],
  ['a key that is not known', signed(order(), keys.privateKey, 'key-2'), 'unknown-key', []],
  ['bytes that are no order', { payload: Buffer.from('ffff', 'hex'), keyId: 'key-1' }, 'malformed', []],
  ['another node', signed(order({ node: 'node-b' })), 'other-node', []],
  ['another cluster', signed(order({ cluster: 'remote' })), 'other-cluster', []],
  ['a time that is over', signed(order({ notAfterMs: WALL })), 'expired', ['ord-1 refused']],
  [
    'a lease without an end',
    signed(order({ leaseMs: 400 * 86_400_000 })),
    'out-of-bounds',
    ['ord-1 refused'],
  ],
  ['a kind that is not known', signed(order({ kind: 'destroy' })), 'out-of-bounds', ['ord-1 refused']],
  [
    'no such container',
    signed(order({ target: { containerId: 'f'.repeat(64) } })),
    'unknown-container',
    ['ord-1 refused'],
  ],
  ['the host', signed(order({ target: { containerId: 'host' } })), 'host', ['ord-1 refused']],
] as const)('refuses an order with %s, counts it and changes nothing', async (_, given, refusal, told) => {
  const { leases, containments, outcomes } = world();
  const whole: SignedOrder =
    'signature' in given ? given : { ...given, signature: sign(null, given.payload, keys.privateKey) };
  await leases.receive(whole);
  expect(leases.counts.get(refusal)).toBe(1);
  expect(containments.calls).toEqual([]);
  expect(outcomes()).toEqual(told);
});

test('a signature over other bytes is refused', async () => {
  const { leases, containments } = world();
  const good = signed(order());
  await leases.receive({ ...good, payload: encodeOrder(order({ leaseMs: 11 * MINUTE })) });
  expect(leases.counts.get('bad-signature')).toBe(1);
  expect(containments.calls).toEqual([]);
});

test("never contains the agent's own cgroup or one above it", async () => {
  const own = container(42);
  for (const ownCgroup of [own.path, `${own.path}/nested`]) {
    const { leases, containments, outcomes } = world({ ownCgroup });
    await leases.receive(signed(order()));
    expect(outcomes()).toEqual(['ord-1 refused']);
    expect(leases.counts.get('own-cgroup')).toBe(1);
    expect(containments.calls).toEqual([]);
  }
});

test('refuses every order when containment is switched off', async () => {
  const { leases, containments, outcomes } = world({ enabled: false });
  await leases.receive(signed(order()));
  expect(outcomes()).toEqual(['ord-1 refused']);
  expect(containments.calls).toEqual([]);
});

test('an order that comes again is not taken again, and is answered again after a while', async () => {
  const { leases, containments, clock, outcomes } = world();
  await leases.receive(signed(order()));
  await leases.receive(signed(order()));
  expect(outcomes()).toEqual(['ord-1 applied']);
  clock.set(BOOT_NS + 40_000_000_000n, WALL + 40_000);
  await leases.receive(signed(order()));
  expect(outcomes()).toEqual(['ord-1 applied', 'ord-1 applied']);
  expect(containments.calls).toEqual(['contain 42']);
  expect(containments.entries.get(42)?.until).toBe(BOOT_NS + 600_000_000_000n);
});

test('an order whose lease was released cannot be replayed', async () => {
  const { leases, containments } = world();
  await leases.receive(signed(order()));
  await leases.receive(signed(order({ id: 'ord-2', kind: 'release', releases: 'ord-1' })));
  await leases.receive(signed(order()));
  expect(containments.entries.size).toBe(0);
  expect(leases.active()).toEqual([]);
});

test('a release takes the containment back and reports both orders', async () => {
  const { leases, containments, outcomes } = world();
  await leases.receive(signed(order()));
  await leases.receive(signed(order({ id: 'ord-2', kind: 'release', releases: 'ord-1' })));
  expect(containments.entries.size).toBe(0);
  expect(outcomes()).toEqual(['ord-1 applied', 'ord-1 released', 'ord-2 applied']);
});

test('a release that overtakes its order keeps it from taking effect', async () => {
  const { leases, containments } = world();
  await leases.receive(signed(order({ id: 'ord-2', kind: 'release', releases: 'ord-1' })));
  await leases.receive(signed(order()));
  expect(containments.calls).toEqual([]);
});

test('follows pod UID and container name to a new container', async () => {
  const { leases, containments, live } = world();
  await leases.receive(signed(order()));
  const [before] = live.splice(0);
  if (before !== undefined) leases.gone(before);
  live.push(container(43));
  leases.appeared(container(43));
  leases.appeared(container(44, { name: 'sidecar' }));
  expect([...containments.entries.keys()]).toEqual([43]);
  expect(containments.entries.get(43)?.until).toBe(BOOT_NS + 600_000_000_000n);
});

test('finds its container when that gets its name only later', async () => {
  const nameless = container(43, { name: '434343434343' });
  const { leases, containments, live } = world({ live: [nameless] });
  await leases.receive(signed(order()));
  expect(containments.calls).toEqual([]);
  live.splice(0, 1, container(43));
  leases.sweep();
  expect([...containments.entries.keys()]).toEqual([43]);
});

test('reports what the kernel refuses as failed and keeps no lease', async () => {
  const { leases, containments, outcomes } = world();
  containments.failure = 'no such cgroup';
  await leases.receive(signed(order()));
  expect(outcomes()).toEqual(['ord-1 failed']);
  expect(leases.active()).toEqual([]);
});

test('two leases on one container are one entry, and the longer one stays when the other is released', async () => {
  const { leases, containments } = world();
  await leases.receive(signed(order()));
  await leases.receive(
    signed(order({ id: 'ord-2', networkDeny: false, killOnExec: true, leaseMs: 20 * MINUTE })),
  );
  expect(containments.entries.get(42)).toMatchObject({
    networkDeny: true,
    killOnExec: true,
    until: BOOT_NS + 1_200_000_000_000n,
  });
  await leases.receive(signed(order({ id: 'ord-3', kind: 'release', releases: 'ord-1' })));
  expect(containments.entries.get(42)).toMatchObject({ networkDeny: false, killOnExec: true });
});

test('a lease that ends is taken off and reported as expired', async () => {
  const { leases, containments, clock, outcomes } = world();
  await leases.receive(signed(order({ leaseMs: 50 })));
  expect(containments.entries.size).toBe(1);
  clock.set(BOOT_NS + 50_000_000n, WALL + 50);
  await vi.waitFor(() => expect(outcomes()).toEqual(['ord-1 applied', 'ord-1 expired']));
  expect(containments.entries.size).toBe(0);
});

test('after a restart of the agent the lease ends when it would have', async () => {
  const before = world();
  await before.leases.receive(signed(order()));
  expect(statSync(before.path).mode & 0o777).toBe(0o600);
  const after = world({ path: before.path, atMs: 3 * MINUTE });
  await after.leases.restore();
  expect(after.containments.entries.get(42)?.until).toBe(BOOT_NS + 600_000_000_000n);
});

test('after a reboot the rest of the lease counts on the new clock', async () => {
  const before = world();
  await before.leases.receive(signed(order()));
  const after = world({ path: before.path, boot: 'boot-2', atMs: 3 * MINUTE });
  after.clock.set(7_000_000_000n, WALL + 3 * MINUTE);
  await after.leases.restore();
  expect(after.containments.entries.get(42)?.until).toBe(7_000_000_000n + 420_000_000_000n);
});

test('a lease that ended while the machine was off is not applied again', async () => {
  const before = world();
  await before.leases.receive(signed(order()));
  const after = world({ path: before.path, boot: 'boot-2', atMs: 11 * MINUTE });
  await after.leases.restore();
  expect(after.containments.entries.size).toBe(0);
  expect(after.outcomes()).toEqual(['ord-1 expired']);
});

test('a lease file that cannot be read is put aside and told', async () => {
  const path = join(folder, 'broken.json');
  writeFileSync(path, '{"version": 1, "leases": [{"order": 7}]}');
  const { leases, errors } = world({ path });
  await leases.restore();
  expect(errors).toHaveLength(1);
  expect(existsSync(`${path}.unreadable`)).toBe(true);
  expect(leases.active()).toEqual([]);
});

test('a release also ends what an agent without a lease file left in the kernel', async () => {
  const { leases, containments } = world();
  await leases.receive(signed(order()));
  const later = world({ containments });
  expect(containments.entries.size).toBe(1);

  await later.leases.receive(signed(order({ id: 'ord-2', kind: 'release', releases: 'ord-1' })));

  expect([...containments.entries.keys()]).toEqual([]);
  expect(later.outcomes()).toEqual(['ord-2 applied']);
});

test('a lease for a container that had no name yet takes its name over and follows it', async () => {
  const unnamed = container(42, { name: '424242424242', workload: 'local/-/Container/unknown/424242424242' });
  const live = [unnamed];
  const { leases, containments } = world({ live });
  const target = { podUid: UID, containerName: unnamed.identity.name, containerId: unnamed.id };
  await leases.receive(signed(order({ target })));

  live.splice(0, 1, container(42));
  leases.sweep();
  leases.gone(container(42));
  live.splice(0, 1, container(43));
  leases.appeared(container(43));

  expect([...containments.entries.keys()]).toEqual([43]);
  expect(leases.active()).toMatchObject([{ podUid: UID, containerName: 'web' }]);
});

/** Made in the pod of the lease, its pod list not read yet. */
const nameless = (cgroup: number, more: Partial<LeaseContainer> = {}): LeaseContainer => {
  const workload = 'local/-/Container/unknown/bbbbbbbbbbbb';
  return { ...container(cgroup, { name: 'bbbbbbbbbbbb', workload }), madeAt: 7n, ...more };
};
const entryOf = ({ containments }: ReturnType<typeof world>, cgroup: number) => {
  const entry = containments.entries.get(cgroup);
  return entry === undefined ? null : { network: entry.networkDeny, kill: entry.killOnExec };
};

test('what may be the restarted container loses its network before its name is known, and is never killed for it', async () => {
  const at = world();
  await at.leases.receive(signed(order({ killOnExec: true })));
  at.live.push(nameless(43));
  at.leases.appeared(nameless(43));
  expect(entryOf(at, 43)).toEqual({ network: true, kill: false });
  at.live[1] = container(43);
  at.leases.sweep();
  expect(entryOf(at, 43)).toEqual({ network: true, kill: true });
});

test('another container of the pod has its network back once its name is known', async () => {
  const at = world();
  await at.leases.receive(signed(order()));
  at.live.push(nameless(43));
  at.leases.appeared(nameless(43));
  at.live[1] = container(43, { name: 'sidecar' });
  at.leases.sweep();
  expect(entryOf(at, 43)).toBeNull();
  expect(entryOf(at, 42)).toEqual({ network: true, kill: false });
});

test('the end of a lease ends it for what was never named, and not for what another lease is meant for', async () => {
  const at = world();
  await at.leases.receive(signed(order()));
  await at.leases.receive(signed(order({ id: 'ord-2', leaseMs: 20 * MINUTE })));
  at.live.push(nameless(43));
  at.leases.appeared(nameless(43));
  await at.leases.receive(signed(order({ id: 'ord-3', kind: 'release', releases: 'ord-1' })));
  expect(entryOf(at, 43)).toEqual({ network: true, kill: false });
  await at.leases.receive(signed(order({ id: 'ord-4', kind: 'release', releases: 'ord-2' })));
  expect(entryOf(at, 43)).toBeNull();
});

test('what was there before us, is of another pod, or of a lease that only kills, is left alone', async () => {
  const at = world();
  await at.leases.receive(signed(order()));
  const other = nameless(44).identity;
  const left = [nameless(43, { madeAt: null }), nameless(44, { identity: { ...other, podUid: 'x' } })];
  for (const each of left) at.leases.appeared(each);
  const kills = world();
  await kills.leases.receive(signed(order({ networkDeny: false, killOnExec: true })));
  kills.leases.appeared(nameless(43));
  expect([entryOf(at, 43), entryOf(at, 44), entryOf(kills, 43)]).toEqual([null, null, null]);
});
