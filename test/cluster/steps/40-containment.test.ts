/** A container is cut off by order, tried from inside its pod: what it begins, what is open, what begins again; and taken back. */
import { beforeAll, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { deployPair, PAIR, type Pair } from '../pair.ts';
import { picket } from '../release.ts';

const cluster = attach();
let pair: Pair;
let order = '';

beforeAll(async () => {
  pair = await deployPair(cluster);
});

const both = async (): Promise<string[]> => [await pair.ask('tcp'), await pair.ask('udp')];

test('before, it reaches its peer by TCP and UDP, and its connection is open', async () => {
  expect(await both()).toEqual(['answered', 'answered']);
  expect(await pair.silentFor()).toBeLessThan(20_000);
});

test('contained, it reaches nothing, and its open connection falls silent', async () => {
  const args = ['contain', await pair.container(), '--no-exec', '--lease', '30m', '--json'];
  const text = await until('the container at central', () => picket(cluster, 'central', args));
  order = /"(ord-[^"]+)"/.exec(text)?.[1] ?? '';
  expect(order).toMatch(/^ord-/);
  await expect.poll(both, { timeout: 180_000, interval: 1000 }).toEqual(['silent', 'silent']);
  await expect.poll(() => pair.silentFor(), { timeout: 180_000, interval: 1000 }).toBeGreaterThan(5000);
});

test('a container that is started anew in its pod is cut off, too', async () => {
  await pair.restart();
  await expect.poll(both, { timeout: 180_000, interval: 1000 }).toEqual(['silent', 'silent']);
});

test('it is an object of the cluster, which says that it holds', async () => {
  const phase = (): Promise<string> =>
    cluster.kubectl(['get', 'containment', order, '-n', PAIR, '-o', 'jsonpath={.status.phase}']);
  await expect.poll(phase, { timeout: 180_000, interval: 1000 }).toBe('Active');
});

test('the object deleted, it reaches its peer again', async () => {
  await cluster.kubectl(['delete', 'containment', order, '-n', PAIR, '--timeout=120s']);
  await expect.poll(both, { timeout: 180_000, interval: 1000 }).toEqual(['answered', 'answered']);
});
