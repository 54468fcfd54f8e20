import { expect, test } from 'vitest';
import { serversIn } from '../../../agent/contain/dns-servers.ts';
import { readLeases } from '../../../agent/contain/lease.ts';
import { container, order, signed, world } from './leases-world.ts';

const LIST = ['dns', 'to 10.0.0.0/8 tcp 5432', 'from 10.1.0.7 tcp 80-90'];
const DATABASE = {
  ...{ direction: 'to', address: '10.0.0.0', bits: 8 },
  ...{ protocol: 'tcp', low: 5432, high: 5432 },
};
const dns = (protocol: string) => ({
  ...{ direction: 'to', address: '10.96.0.10', bits: 32 },
  ...{ protocol, low: 53, high: 53 },
});

test('a list is given to the kernel with the DNS servers of the node, tried from inside, and told', async () => {
  const { leases, containments, reports, asked } = world({ dnsServers: ['10.96.0.10'] });
  await leases.receive(signed(order({ allow: LIST })));
  expect(containments.entries.get(42)?.allow).toEqual([
    dns('udp'),
    dns('tcp'),
    DATABASE,
    { direction: 'from', address: '10.1.0.7', bits: 32, protocol: 'tcp', low: 80, high: 90 },
  ]);
  expect(asked).toEqual(['10.96.0.10 udp 53', '10.96.0.10 tcp 53', '10.0.0.0 tcp 5432']);
  expect(reports[0]).toMatchObject({
    verified: 'tried',
    proof: [
      'network: from inside tcp4, tcp6, udp4, udp6 refused',
      'network: from inside let through 10.96.0.10 udp 53, 10.96.0.10 tcp 53, 10.0.0.0 tcp 5432',
    ],
  });
  expect(reports[0]?.open).toEqual(expect.arrayContaining(LIST.map((rule) => `as ordered: ${rule}`)));
});

test('a list whose peers are refused all the same is told as not so', async () => {
  const { leases, reports } = world({ peers: 1 });
  await leases.receive(signed(order({ allow: ['to 10.0.0.0/8 tcp 5432'] })));
  expect([reports[0]?.verified, reports[0]?.proof]).toEqual([
    'no',
    [
      'network: from inside tcp4, tcp6, udp4, udp6 refused',
      'network: from inside 10.0.0.0 tcp 5432 refused, which is on the list',
    ],
  ]);
});

test('what a list lets through is not taken for a hole', async () => {
  const { leases, reports } = world({ tries: { tcp4: 0, tcp6: 1, udp4: 0, udp6: 1 } });
  await leases.receive(signed(order({ allow: ['to 0.0.0.0/0'] })));
  expect([reports[0]?.verified, reports[0]?.proof?.[0]]).toEqual([
    'tried',
    'network: from inside tcp6, udp6 refused',
  ]);
});

test('a list that lets all through leaves nothing to try, and nothing is told as tried and refused', async () => {
  const { leases, reports } = world({ tries: { tcp4: 0, tcp6: 0, udp4: 0, udp6: 0 } });
  await leases.receive(signed(order({ allow: ['to 0.0.0.0/0', 'to ::/0'] })));
  expect([reports[0]?.verified, reports[0]?.proof?.[0]]).toEqual([
    'read-back',
    'network: entry and programs read back; not tried: the list lets all through',
  ]);
});

test('two leases let through only what both do, and a release gives the other list back', async () => {
  const { leases, containments } = world();
  await leases.receive(signed(order({ allow: ['to 10.0.0.0/8 tcp 5432', 'to fd00::7'] })));
  await leases.receive(signed(order({ id: 'ord-2', allow: ['to 10.0.0.0/8 tcp 5432'] })));
  expect(containments.entries.get(42)?.allow).toEqual([DATABASE]);
  await leases.receive(signed(order({ id: 'ord-3' })));
  expect(containments.entries.get(42)?.allow).toEqual([]);
  const release = (id: string, releases: string) => signed(order({ id, kind: 'release', releases }));
  await leases.receive(release('ord-4', 'ord-3'));
  await leases.receive(release('ord-5', 'ord-2'));
  expect(containments.entries.get(42)?.allow.map(({ address }) => address)).toEqual(['10.0.0.0', 'fd00::7']);
});

test('a list is in force again after a restart of the agent, and for a container that began anew', async () => {
  const first = world();
  await first.leases.receive(signed(order({ allow: ['to 10.0.0.0/8 tcp 5432'] })));
  await first.leases.stop();
  expect((await readLeases(first.path))[0]?.allow).toEqual(['to 10.0.0.0/8 tcp 5432']);
  const second = world({ path: first.path, atMs: 1000 });
  await second.leases.restore();
  expect(second.containments.entries.get(42)?.allow).toEqual([DATABASE]);
  second.leases.appeared(container(43));
  expect(second.containments.entries.get(43)?.allow).toEqual([DATABASE]);
});

test('an order with what is no rule is refused', async () => {
  const { leases, outcomes, containments } = world();
  await leases.receive(signed(order({ allow: ['to example.org tcp 80'] })));
  expect([outcomes(), containments.calls]).toEqual([['ord-1 refused'], []]);
});

test('DNS servers are those of resolv.conf, at most three, without what is no address', () => {
  const text =
    '# nameserver 192.0.2.9\nsearch svc\nnameserver 10.96.0.10\n nameserver fd00::a%eth0 # two\nnameserver x\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n';
  expect(serversIn(text)).toEqual(['10.96.0.10', 'fd00::a', '1.1.1.1']);
});
