import { expect, test } from 'vitest';
import { PeerTable } from '../../../central/cluster/peer-table.ts';
import { MAX_BYTES, tableOf } from '../../../central/cluster/peers.ts';

const many = (more: Record<string, string> = {}): Map<string, string> =>
  new Map(
    Object.entries({
      ...Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`10.0.1.${n}`, 'shop/Deployment/web'])),
      ...more,
    }),
  );

test('who has one of the last versions is told what changed since, others all of it', () => {
  const table = new PeerTable();
  table.use(many({ '10.0.0.1': 'shop/Deployment/db' }));
  const first = table.version;
  table.use(many({ '10.0.0.2': 'shop/Deployment/db' }));
  table.use(many({ '10.0.0.2': 'shop/Deployment/db', '10.0.0.3': 'shop/Deployment/db' }));
  expect(table.since(table.version)).toBeNull();
  expect(table.since(first)).toEqual({
    version: table.version,
    since: first,
    names: [{ name: 'shop/Deployment/db', addresses: ['10.0.0.2', '10.0.0.3'] }],
    gone: ['10.0.0.1'],
  });
  for (const unknown of ['', 'abc']) {
    const whole = table.since(unknown);
    expect([whole?.since, whole?.names.flatMap(({ addresses }) => addresses).length]).toEqual(['', 22]);
  }
});

test('the same names have the same version, in whatever order and after whatever was between', () => {
  const [a, b] = [new PeerTable(), new PeerTable()];
  a.use(many());
  b.use(many({ '10.0.0.9': 'x/Pod/y' }));
  b.use(new Map([...many()].reverse()));
  expect(b.version).toBe(a.version);
  expect(b.since(a.version)).toBeNull();
});

test('what comes back to an earlier version is told from the last time that it was so', () => {
  const table = new PeerTable();
  table.use(many());
  const version = table.version;
  table.use(many({ '10.0.0.1': 'shop/Deployment/db' }));
  table.use(many());
  table.use(many({ '10.0.0.2': 'shop/Deployment/db' }));
  expect(table.since(version)).toMatchObject({ since: version, gone: [] });
});

test('pods go before services, and what two of a kind claim names nobody', () => {
  const one = (key: string, name: string, ...addresses: string[]) => ({ key, name, addresses });
  const { names, leftOut } = tableOf([
    [one('a', 'shop/Deployment/web', '10.1.0.1'), one('b', 'shop/Deployment/web', '10.1.0.2', '10.1.0.1')],
    [one('c', 'shop/Service/web', '10.96.0.1', '10.1.0.1')],
    [one('d', 'a/Service/x', '10.9.9.9'), one('e', 'b/Service/y', '10.9.9.9', '10.9.9.8')],
  ]);
  expect(leftOut).toBe(0);
  expect(Object.fromEntries(names)).toEqual({
    '10.1.0.1': 'shop/Deployment/web',
    '10.1.0.2': 'shop/Deployment/web',
    '10.96.0.1': 'shop/Service/web',
    '10.9.9.8': 'b/Service/y',
  });
});

test('a table is bounded by bytes too, and says how many addresses it leaves out', () => {
  const long = (at: number) => `${'n'.repeat(253)}/Deployment/${at}${'w'.repeat(200)}`;
  const pods = Array.from({ length: 10_000 }, (_, at) => ({
    ...{ key: `${at}`, name: long(at), addresses: [`10.1.${at >> 8}.${at & 255}`] },
  }));
  const { names, leftOut } = tableOf([pods, []]);
  const bytes = [...names].reduce((sum, [address, name]) => sum + address.length + name.length, 0);
  expect([bytes <= MAX_BYTES, bytes > MAX_BYTES - 1000, names.size + leftOut]).toEqual([true, true, 10_000]);
});
