/** The script of the container `pods`, as it stands in install.yaml, against an HTTP server in the API server's place. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { read } from '../architecture/sources.ts';

const script = parseAllDocuments(read('manifests/install.yaml'))
  .map((document) => document.toJS() as { data?: Record<string, string> })
  .map(({ data }) => data?.['pods.mjs'])
  .find((text) => text !== undefined);

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Answers each request with the next of the given replies, the last one for ever. */
async function serve(replies: readonly { status: number; body: string }[]) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const reply = replies[Math.min(seen.length, replies.length - 1)];
    seen.push(request);
    response.writeHead(reply?.status ?? 500).end(reply?.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => void server.close());
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function start(url: string) {
  const folder = mkdtempSync(join(tmpdir(), 'picket-pods-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'pods.mjs'), script ?? '');
  writeFileSync(join(folder, 'token'), 'secret-1\n');
  const child = spawn(process.execPath, [join(folder, 'pods.mjs')], {
    env: {
      API_URL: url,
      TOKEN_FILE: join(folder, 'token'),
      NODE_NAME: 'node-a',
      PODS_FILE: join(folder, 'pods.json'),
      INTERVAL_MS: '50',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  closers.push(() => void child.kill('SIGKILL'));
  return { child, folder, file: join(folder, 'pods.json'), words: () => words };
}

test('writes the pods of its own node, with the token that is in the file at that time', async () => {
  const { seen, url } = await serve([{ status: 200, body: '{"items":[]}' }]);
  const { folder, file } = start(url);
  await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toBe('{"items":[]}'), 5000);
  expect(seen[0]?.url).toBe('/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-a');
  expect(seen[0]?.headers.authorization).toBe('Bearer secret-1');
  writeFileSync(join(folder, 'token'), 'secret-2\n');
  await vi.waitFor(() => expect(seen.at(-1)?.headers.authorization).toBe('Bearer secret-2'), 5000);
});

test('keeps the last list and says why when the server refuses, and goes on', async () => {
  const { url } = await serve([
    { status: 403, body: 'no' },
    { status: 200, body: '{"items":[1]}' },
  ]);
  const { file, words } = start(url);
  await vi.waitFor(() => expect(existsSync(file)).toBe(true), 5000);
  expect(words()).toBe('pods: status 403\n');
});

test('ends at once on SIGTERM', async () => {
  const { url } = await serve([{ status: 200, body: '{}' }]);
  const { child, file } = start(url);
  await vi.waitFor(() => expect(existsSync(file)).toBe(true), 5000);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
