import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { attack, container } from '../builders/summaries.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
beforeEach(async () => {
  folder = temporaryFolder();
  central = await startCentral({ folder: folder.path });
});
afterEach(async () => {
  await central.stop();
  folder.remove();
});

const web = container('web-1');
const falco = (change: object = {}) => ({
  hostname: 'node-1',
  output: 'A shell was spawned in a container with an attached terminal',
  priority: 'Notice',
  rule: 'Terminal shell in container',
  source: 'syscall',
  tags: ['container', 'shell', 'T1059'],
  time: new Date().toISOString(),
  output_fields: { 'container.id': web.id.slice(0, 12), 'proc.name': 'sh', 'proc.cmdline': 'sh -c secret' },
  ...change,
});
const incidents = async () =>
  (await central.call('GET', '/api/v1/incidents')).value['incidents'] as {
    id: string;
    alerts: number;
    title: string;
  }[];

it('what Falco says of a container joins the incident that there is about it', async () => {
  await central.node(await central.enrol()).send(attack([web]));
  expect((await central.call('POST', '/api/v1/falco', falco())).status).toBe(201);
  const [incident] = await incidents();
  expect(incident?.alerts).toBe(2);
  const { value } = await central.call('GET', `/api/v1/incidents/${incident?.id}`);
  expect(JSON.stringify(value['timeline'])).toContain('Falco: Terminal shell in container');
  expect(JSON.stringify((await central.call('GET', '/api/v1/alerts')).value)).not.toContain('sh -c secret');
});

it('by itself it opens an incident only when Falco finds it grave', async () => {
  await central.call('POST', '/api/v1/falco', falco());
  expect(await incidents()).toEqual([]);
  await central.call('POST', '/api/v1/falco', falco({ priority: 'Critical', rule: 'Drop and execute' }));
  expect((await incidents()).map(({ title }) => title)).toEqual(['Falco: Drop and execute']);
});

it('takes the token as the password of the address, as Falco can give it, and refuses what is no alert', async () => {
  const token = readFileSync(central.ready.files.apiToken, 'utf8').trim().split(':')[1] ?? '';
  const post = (password: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const url = new URL('/api/v1/falco', central.ready.api);
      const options = {
        method: 'POST',
        ca: readFileSync(central.ready.files.ca),
        agent: false,
        auth: `falco:${password}`,
      };
      const call = request(url, options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      call.on('error', reject);
      call.end(JSON.stringify(falco()));
    });
  expect(await post(token)).toBe(201);
  expect(await post('wrong')).toBe(401);
  for (const change of [{ rule: '' }, { priority: 'Loud' }, { time: 'soon' }])
    expect((await central.call('POST', '/api/v1/falco', falco(change))).status).toBe(400);
});
