import { expect, test, vi } from 'vitest';
import { readLeases } from '../../../agent/contain/lease.ts';
import { container, fakeGroups, MINUTE, order, signed, world } from './leases-world.ts';

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

test('a container that begins anew is looked at before it is frozen', async () => {
  const { leases, live, reports } = world();
  await leases.receive(signed(order({ freeze: true })));
  live[0] = container(43);
  leases.gone(container(42));
  leases.appeared(container(43));
  await vi.waitFor(() => expect(reports).toHaveLength(2), { timeout: 20_000 });
  expect([reports[1]?.verified, reports[1]?.proof]).toEqual([
    'tried',
    ['network: from inside tcp4, tcp6, udp4, udp6 refused', 'freeze: cgroup frozen'],
  ]);
});

test('a container that begins anew and cannot be frozen is told as that', async () => {
  const { leases, live, reports, held } = world();
  await leases.receive(signed(order({ networkDeny: false, freeze: true })));
  held.groups.failure = 'read-only file system';
  live[0] = container(43);
  leases.appeared(container(43));
  await vi.waitFor(() => expect(reports).toHaveLength(2), { timeout: 20_000 });
  expect(reports[1]).toMatchObject({
    verified: 'no',
    detail: 'began anew and is not contained: read-only file system',
  });
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
