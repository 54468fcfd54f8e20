import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { PodsReader } from '../../../agent/source/pods.ts';

const folder = mkdtempSync(join(tmpdir(), 'picket-pods-'));
const readers: PodsReader[] = [];
let server: Server;
let address = '';
let answer = (response: ServerResponse, _tag: string | undefined): void => void response.end('');
beforeAll(async () => {
  server = createServer((request, response) => answer(response, request.headers['if-none-match']));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/pods?limit=500`;
});
afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.stop();
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function read(from: string, intervalMs = 20) {
  const lists: string[] = [];
  const errors: unknown[] = [];
  const reader = new PodsReader({
    from,
    intervalMs,
    emit: (list) => lists.push(list),
    onError: (error) => errors.push(error),
  });
  readers.push(reader);
  return { reader, lists, errors };
}

test('hands a file on when it changes, and only then', async () => {
  const path = join(folder, 'pods.json');
  writeFileSync(path, '{"items":[]}');
  const { reader, lists } = read(path);
  await reader.start();
  expect(lists).toEqual(['{"items":[]}']);
  await vi.waitFor(() => expect(reader.counts.unchanged).toBeGreaterThan(2));
  writeFileSync(path, '{"items":[1]}');
  await vi.waitFor(() => expect(lists).toEqual(['{"items":[]}', '{"items":[1]}']));
});

test('counts a file that is not there and reads it once it is', async () => {
  const path = join(folder, 'late.json');
  const { reader, lists } = read(path);
  await reader.start();
  expect(reader.counts.errors).toBe(1);
  writeFileSync(path, '{}');
  await vi.waitFor(() => expect(lists).toEqual(['{}']));
});

test('refuses a list of more than 10 MiB from file and address', async () => {
  const path = join(folder, 'large.json');
  writeFileSync(path, Buffer.alloc(10 * 1024 * 1024 + 1, 32));
  answer = (response) => response.end(Buffer.alloc(10 * 1024 * 1024 + 1, 32));
  for (const from of [path, address]) {
    const { reader, lists, errors } = read(from, 60_000);
    await reader.start();
    expect(lists).toEqual([]);
    expect(String(errors[0])).toContain('at most 10485760 are read');
  }
});

test('asks an address with the tag it was given and keeps the list on 304, on failures and on nonsense status', async () => {
  let turn = 0;
  const tags: (string | undefined)[] = [];
  answer = (response, tag) => {
    tags.push(tag);
    turn += 1;
    if (turn === 1) response.writeHead(200, { etag: '"v1"' }).end('{"items":[]}');
    else if (turn === 2) response.writeHead(304).end();
    else if (turn === 3) response.writeHead(500).end('boom');
    else response.writeHead(200, { etag: '"v2"' }).end('{"items":[2]}');
  };
  const { reader, lists, errors } = read(address);
  await reader.start();
  await vi.waitFor(() => expect(lists).toEqual(['{"items":[]}', '{"items":[2]}']));
  expect(tags.slice(0, 4)).toEqual([undefined, '"v1"', '"v1"', '"v1"']);
  expect(errors.map(String)).toEqual([`Error: ${address}: status 500`]);
});

test('reads sooner than its interval when something waits for a name', async () => {
  const path = join(folder, 'refresh.json');
  writeFileSync(path, '1');
  const { reader, lists } = read(path, 60_000);
  await reader.start();
  writeFileSync(path, '22');
  reader.refresh();
  await vi.waitFor(() => expect(lists).toEqual(['1', '22']));
});

test('a reading that is asked for again and again is not put off each time', async () => {
  const path = join(folder, 'asked.json');
  writeFileSync(path, '1');
  const { reader, lists } = read(path, 60_000);
  await reader.start();
  writeFileSync(path, '22');
  const timers = vi.spyOn(globalThis, 'setTimeout');
  for (let asked = 0; asked < 100; asked += 1) reader.refresh();
  expect(timers).toHaveBeenCalledTimes(1);
  timers.mockRestore();
  await vi.waitFor(() => expect(lists).toEqual(['1', '22']));
});
