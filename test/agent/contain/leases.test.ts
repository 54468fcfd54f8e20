import { sign } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { orderMark } from '../../../agent/contain/lease.ts';
import { encodeOrder, type SignedOrder } from '../../../wire/index.ts';
import {
  BOOT_NS,
  container,
  folder,
  keys,
  MINUTE,
  order,
  others,
  REFUSED,
  signed,
  WALL,
  type World,
  world,
} from './leases-world.ts';

test('contains at once, for the duration of the lease, and reports until when', async () => {
  const { leases, containments, reports } = world();
  await leases.receive(signed(order({ killOnExec: true })));
  expect([...containments.entries.values()]).toEqual([
    {
      cgroup: 42,
      cgroupPath: `/sys/fs/cgroup${container(42).path}`,
      networkDeny: true,
      killOnExec: true,
      execDeny: false,
      cutProbes: false,
      allow: [],
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

test('refuses programs, tries that from inside, and says what this kernel leaves open where it cannot', async () => {
  const asked = async (options: World, refusal: string | null = null, inDoubt = false) => {
    const { leases, reports, containments } = world(options);
    Object.assign(containments, { execDenyRefusal: refusal, execDenyInDoubt: inDoubt });
    await leases.receive(signed(order({ networkDeny: false, execDeny: true })));
    const { verified, proof, open, state } = reports[0] ?? {};
    return { state, verified, proof, first: open?.filter((way) => /new programs/.test(way)) };
  };
  expect(await asked({ exec: 1 })).toEqual({
    state: 'applied',
    verified: 'tried',
    proof: ['programs: from inside refused'],
    first: [],
  });
  expect(await asked({ exec: 0 })).toMatchObject({
    verified: 'no',
    proof: ['programs: from inside one ran'],
    first: ['new programs: one ran when it was tried'],
  });
  for (const [exec, why] of [
    [2, 'tried in vain: ENOENT'],
    [13, 'tried in vain: EACCES'],
    [12, 'tried in vain: ENOMEM'],
    [-1, 'tried in vain: it was ended'],
    ['none', 'not tried: no process in it'],
  ] as const)
    expect(await asked({ exec })).toMatchObject({
      verified: 'read-back',
      proof: [`programs: entry and program read back; ${why}`],
      first: [],
    });
  const doubt = 'not known whether the kernel asks BPF LSM: Permission denied';
  expect(await asked({ exec: 'none' }, doubt, true)).toMatchObject({
    verified: 'read-back',
    first: [`new programs: ${doubt}`],
  });
  expect(await asked({ exec: 1 }, doubt, true)).toMatchObject({ verified: 'tried', first: [] });
  expect(await asked({}, 'the kernel was started without lsm=...,bpf (capability)')).toEqual({
    state: 'applied',
    verified: 'no',
    proof: ['programs: not refused: the kernel was started without lsm=...,bpf (capability)'],
    first: ['new programs: the kernel was started without lsm=...,bpf (capability)'],
  });
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

test('an entry that no lease knows goes when its time is over, and not before', async () => {
  const first = world();
  await first.leases.receive(signed(order()));
  await first.leases.stop();
  // Its lease never reached the disk.
  const { containments } = first;
  const before = world({ containments, atMs: 9 * MINUTE });
  await before.leases.restore();
  expect([...containments.entries.keys()]).toEqual([42]);
  const after = world({ containments, atMs: 11 * MINUTE });
  await after.leases.restore();
  expect([...containments.entries.keys()]).toEqual([]);
});
