import { expect, test, vi } from 'vitest';
import type { LeaseContainer } from '../../../agent/contain/target.ts';
import { container, MINUTE, order, signed, UID, world } from './leases-world.ts';

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

test('what restarts under a lease is told to be contained again, with what was tried in it, and not too often', async () => {
  const at = world();
  await at.leases.receive(signed(order()));
  for (const cgroup of [43, 44]) {
    at.leases.gone(container(cgroup - 1));
    at.live.splice(0, 1, container(cgroup));
    at.leases.appeared(container(cgroup));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await vi.waitFor(() => expect(at.reports).toHaveLength(2), { timeout: 20_000 });
  expect(at.reports[1]).toMatchObject({
    order: 'ord-1',
    state: 'applied',
    detail:
      'restarted under containment (1) and contained again at once: a probe that fails because it is contained restarts it and does not set it free',
    verified: 'tried',
    proof: ['network: from inside tcp4, tcp6, udp4, udp6 refused'],
    untilMs: at.reports[0]?.untilMs,
  });
  await vi.waitFor(() => expect(at.leases.counts.get('contained-again')).toBe(2), { timeout: 20_000 });
});

test('what begins anew and cannot be contained is told as that once, tried again, and told when it is', async () => {
  const at = world();
  await at.leases.receive(signed(order()));
  at.leases.gone(container(42));
  at.live.splice(0, 1, container(43));
  at.containments.failure = 'no space left on device';
  for (let list = 0; list < 3; list++) at.leases.sweep();
  await vi.waitFor(() => expect(at.reports).toHaveLength(2), { timeout: 20_000 });
  const text = 'began anew and is not contained: no space left on device';
  expect(at.reports[1]).toMatchObject({ state: 'applied', detail: text, verified: 'no', proof: [text] });
  expect(at.reports[1]?.open?.[0]).toBe(text);
  expect([at.errors.length, at.leases.counts.get('not-contained-again')]).toEqual([3, 1]);
  at.containments.failure = null;
  for (let list = 0; list < 3; list++) at.leases.sweep();
  await vi.waitFor(() => expect(at.reports).toHaveLength(3), { timeout: 20_000 });
  expect(at.reports[2]).toMatchObject({
    detail: expect.stringMatching(/contained again/),
    verified: 'tried',
  });
  expect(at.leases.counts.get('contained-again')).toBe(1);
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
