// SPDX-License-Identifier: Apache-2.0
/** DNS messages, asked and answered over loopback of a network namespace of their own. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeFlows, decodeRecords } from '../../../agent/events/decode.ts';
import type { DnsEvent } from '../../../agent/events/event.ts';
import type { ProbeOptions } from '../../../native/index.ts';
import { type AnswerRecord, answer, question } from '../../builders/dns.ts';
import {
  atEnd,
  cleanUp,
  constant,
  type Doer,
  makeCgroup,
  openTestProbe,
  skipReason,
  startDoer,
  type TestCgroup,
  until,
} from '../kernel-fixtures.ts';

const SERVER = '127.0.0.53';
const hexOf = (message: Buffer): string => message.toString('hex');

interface Client {
  readonly cgroup: TestCgroup;
  readonly doer: Doer;
}

function makeNetwork(): string[] {
  const name = `picket-${randomBytes(4).toString('hex')}`;
  execFileSync('ip', ['netns', 'add', name]);
  atEnd(() => void execFileSync('ip', ['netns', 'del', name]));
  const inside = ['ip', 'netns', 'exec', name];
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  return inside;
}

/** A server on port 53, and clients that are bound to 127.0.0.1, from port 41000 on. */
async function scene(clients: number, options: Partial<ProbeOptions> = {}) {
  const test = await openTestProbe({ slots: 512, ...options });
  const network = makeNetwork();
  const server = await startDoer(makeCgroup().path, network);
  expect(await server.ask(`datagrams bind ${SERVER} 53`)).toBe(0);
  const made: Client[] = [];
  for (let i = 0; i < clients; i++) {
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path, network);
    expect(await doer.ask(`datagrams bind 127.0.0.1 ${41_000 + i}`)).toBe(0);
    made.push({ cgroup, doer });
  }
  const events = ({ cgroup }: Client): DnsEvent[] =>
    decodeRecords(Buffer.concat(test.of('RECORD_DNS', cgroup.id).map(({ bytes }) => bytes))).events.filter(
      (event) => event.kind === 'dns',
    );
  const [client] = made;
  if (client === undefined) throw new Error('no client');
  return { ...test, network, server, client, clients: made, events };
}

const give = (client: Client, message: Buffer): Promise<number> =>
  client.doer.ask(`datagrams give ${hexOf(message)} ${SERVER} 53`);

/** One question with its answer; ids of answers are the question's. */
async function exchange(server: Doer, client: Client, asked: Buffer, answered: Buffer): Promise<void> {
  answered.writeUInt16BE(0, 0);
  const replied = server.ask(`datagrams reply ${hexOf(answered)}`);
  expect(await give(client, asked)).toBe(0);
  expect([await replied, await client.doer.ask('datagrams take 1')]).toEqual([0, 0]);
}

const address = (data: string, ttlS = 60): AnswerRecord => ({ name: null, type: 'A', ttlS, data });

describe.skipIf(skipReason('dns') !== null)('DNS messages', () => {
  afterEach(cleanUp);

  it('tells each question and each answer, with who asked', async () => {
    const { server, client, events } = await scene(1);
    for (let i = 0; i < 20; i++) {
      const name = `host-${i}.example.com`;
      await exchange(server, client, question(name, 'A', i + 1), answer(name, [address(`203.0.113.${i}`)]));
    }
    await until(() => events(client).length >= 40);
    const told = events(client);
    expect(told.length).toBe(40);
    expect(told[0]).toMatchObject({
      what: 'question',
      server: SERVER,
      port: 53,
      ownPort: 41_000,
      id: 1,
      name: 'host-0.example.com',
      type: 'A',
      exe: 'doer',
      process: { pid: client.doer.pid },
      cut: false,
      odd: null,
    });
    expect(
      told.filter(({ what }) => what === 'answer').map(({ name, addresses }) => [name, addresses]),
    ).toEqual(
      Array.from({ length: 20 }, (_, i) => [
        `host-${i}.example.com`,
        [{ address: `203.0.113.${i}`, ttlS: 60 }],
      ]),
    );
  });

  it('tells the same once between two readings of the flows, whatever its id, case, order and time to live', async () => {
    const { probe, server, client, events } = await scene(1);
    const [one, two] = [address('203.0.113.1', 60), address('203.0.113.2', 60)];
    const again = async (ttlS: number) => {
      const turned =
        ttlS % 2 === 0
          ? [one, two]
          : [
              { ...two, ttlS },
              { ...one, ttlS },
            ];
      const name = ttlS % 2 === 0 ? 'Api.Example.Com' : 'api.example.com';
      await exchange(server, client, question(name, 'A', ttlS), answer(name, turned));
    };
    for (let ttlS = 1; ttlS <= 10; ttlS++) await again(ttlS);
    await until(() => events(client).length >= 2);
    expect(events(client).map(({ what }) => what)).toEqual(['question', 'answer']);
    const [flow] = decodeFlows(probe.readFlows()).flows.filter(({ cgroup }) => cgroup === client.cgroup.id);
    expect([flow?.attempts, flow?.failures]).toEqual([10, 0]); // all of them are counted
    await again(11);
    await until(() => events(client).length >= 4);
    expect(events(client).length).toBe(4);
  });

  it('tells another type, another address and another failure of one name', async () => {
    const { server, client, events } = await scene(1);
    const name = 'api.example.com';
    await exchange(server, client, question(name), answer(name, [address('203.0.113.1')]));
    await exchange(server, client, question(name), answer(name, [address('203.0.113.2')]));
    await exchange(server, client, question(name), answer(name, [], { code: 3 }));
    await exchange(server, client, question(name, 'AAAA'), answer(name, [], { type: 'AAAA' }));
    await until(() => events(client).length >= 6);
    expect(
      events(client).map(({ what, type, code, addresses }) => [what, type, code, addresses.length]),
    ).toEqual([
      ['question', 'A', '', 0],
      ['answer', 'A', 'ok', 1],
      ['answer', 'A', 'ok', 1],
      ['answer', 'A', 'no-such-name', 0],
      ['question', 'AAAA', '', 0],
      ['answer', 'AAAA', 'ok', 0],
    ]);
  });

  it('marks answers that were not asked for: of another id, name or server, and a second one', async () => {
    const { server, client, events, network } = await scene(1);
    const other = await startDoer(makeCgroup().path, network);
    expect(await other.ask('datagrams bind 127.0.0.66 53')).toBe(0);
    const forged = (name: string, id: number) => hexOf(answer(name, [address('198.51.100.66')], { id }));
    const to = '127.0.0.1 41000';
    expect(await give(client, question('bank.example', 'A', 77))).toBe(0);
    expect(await server.ask('datagrams take 1')).toBe(0);
    expect(await other.ask(`datagrams give ${forged('bank.example', 77)} ${to}`)).toBe(0); // another server
    expect(await server.ask(`datagrams give ${forged('bank.example', 78)} ${to}`)).toBe(0); // another id
    expect(await server.ask(`datagrams give ${forged('cash.example', 77)} ${to}`)).toBe(0); // another name
    const real = hexOf(answer('bank.example', [address('203.0.113.1')], { id: 77 }));
    expect(await server.ask(`datagrams give ${real} ${to}`)).toBe(0);
    expect(await server.ask(`datagrams give ${forged('bank.example', 77)} ${to}`)).toBe(0); // a second answer
    await until(() => events(client).some(({ what }) => what === 'answer'));
    const told = events(client).filter(({ what }) => what !== 'question');
    // Unasked ones: of each server one.
    expect(told.map(({ what, server: from }) => [what, from])).toEqual([
      ['unasked', '127.0.0.66'],
      ['unasked', SERVER],
      ['answer', SERVER],
    ]);
    expect(told.at(-1)?.addresses).toEqual([{ address: '203.0.113.1', ttlS: 60 }]);
  });

  it('tells a name that points to itself, what is cut, and bytes that are no DNS', async () => {
    const { client, events } = await scene(1);
    const loop = Buffer.from('0001010000010000000000000161c00c00010001', 'hex');
    const long = Buffer.concat([question('long.example', 'A', 2), Buffer.alloc(540)]);
    const junk = Buffer.concat([Buffer.from('00037fff', 'hex'), Buffer.alloc(40, 0x41)]);
    for (const message of [loop, long, junk]) expect(await give(client, message)).toBe(0);
    await until(() => events(client).length >= 3);
    expect(events(client).map(({ name, cut, odd, bytes }) => [name, cut, odd, bytes])).toEqual([
      ['', false, 'loop', loop.length],
      ['long.example', true, null, long.length],
      ['', false, 'label', junk.length],
    ]);
  });

  it('lets a flood of one container hide nothing of another', async () => {
    const { client, clients, events, counts } = await scene(2, { recordsPerSecond: 100, recordBurst: 400 });
    const [, quiet] = clients;
    if (quiet === undefined) throw new Error('no second client');
    for (let i = 0; i < 2000; i++) await give(client, question(`${i}.flood.example`));
    for (let i = 0; i < 50; i++) await give(quiet, question(`${i}.quiet.example`));
    await until(() => events(quiet).length >= 50);
    expect(events(quiet).length).toBe(50);
    const flood = events(client).length;
    const { lost, throttled } = counts(client.cgroup.id);
    expect(flood).toBeLessThan(2000);
    expect(flood + Number(lost[constant('LOSS_DNS_LATER')])).toBe(2000);
    expect(throttled[constant('RECORD_DNS')]).toBe(lost[constant('LOSS_DNS_LATER')]);
    expect(counts(quiet.cgroup.id).lost[constant('LOSS_DNS_LATER')]).toBe(0n);
  });

  it('tells a UDP port that was named once, and none that the kernel picked', async () => {
    const { client, of } = await scene(1);
    for (const port of [0, 17_950, 17_950]) await client.doer.ask(`datagrams bind 127.0.0.1 ${port}`);
    const ports = () =>
      of('RECORD_NOVEL', client.cgroup.id)
        .filter((record) => record.field('what') === constant('NOVEL_LISTEN'))
        .map(({ bytes }) => [
          bytes.readUInt16LE(constant('novel_record.port')),
          bytes.readUInt8(constant('novel_record.protocol')),
        ]);
    await until(() => ports().length >= 2);
    expect(ports()).toEqual([
      [41_000, 17],
      [17_950, 17],
    ]);
  });
});
