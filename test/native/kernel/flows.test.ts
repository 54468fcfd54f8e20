import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Probe } from '../../../native/index.ts';
import {
  atEnd,
  cleanUp,
  constant,
  makeCgroup,
  openTestProbe,
  skipReason,
  startDoer,
  until,
} from '../kernel-fixtures.ts';

interface Flow {
  readonly direction: number;
  readonly family: number;
  readonly port: number;
  readonly peer: string;
  readonly opened: number;
  readonly attempts: number;
  readonly failures: number;
  readonly in: number;
  readonly out: number;
}

function readEntries(bytes: Buffer, cgroup: number): Flow[] {
  const at = (name: string) => constant(`flow_entry.${name}`);
  const key = (name: string) => at('flow') + constant(`flow_key.${name}`);
  const size = constant('sizeof flow_entry');
  const flows: Flow[] = [];
  for (let from = 0; from < bytes.length; from += size) {
    const entry = bytes.subarray(from, from + size);
    if (Number(entry.readBigUInt64LE(at('cgroup'))) !== cgroup) continue;
    const number = (name: string) => Number(entry.readBigUInt64LE(at(name)));
    const peer = entry.toString('hex', key('peer'), key('peer') + 16);
    const head = { direction: entry.readUInt8(key('direction')), family: entry.readUInt8(key('family')) };
    const sums = {
      opened: number('opened'),
      attempts: number('attempts'),
      failures: number('failures'),
      in: number('bytes_in'),
      out: number('bytes_out'),
    };
    flows.push({ ...head, port: entry.readUInt16LE(key('port')), peer, ...sums });
  }
  return flows;
}

const LOOPBACK = `7f000001${'0'.repeat(24)}`;
const LOOPBACK6 = `${'0'.repeat(31)}1`;

/** Sums of one container's flows over many readings. */
function addUp(probe: Probe, cgroup: number, sums = { in: 0, out: 0, opened: 0 }): typeof sums {
  for (const flow of readEntries(probe.readFlows(), cgroup)) {
    sums.in += flow.in;
    sums.out += flow.out;
    sums.opened += flow.opened;
  }
  return sums;
}

/** Two containers, one connected to the other. */
async function connectedPair(address: string, port: number) {
  const [client, server] = [makeCgroup(), makeCgroup()];
  const [caller, answerer] = [await startDoer(client.path), await startDoer(server.path)];
  expect(await answerer.ask(`listen ${address} ${port}`)).toBe(0);
  expect(await caller.ask(`connect ${address} ${port}`)).toBe(0);
  expect(await answerer.ask('accept')).toBe(0);
  return { client, server, caller, answerer };
}

describe.skipIf(skipReason('flows') !== null)('flows', () => {
  afterEach(cleanUp);

  it('counts attempts, connections and failures at both ends, and reports the first of a window', async () => {
    const { probe, of } = await openTestProbe();
    const [client, server] = [makeCgroup(), makeCgroup()];
    const [caller, answerer] = [await startDoer(client.path), await startDoer(server.path)];
    await answerer.ask('listen 127.0.0.1 17801');
    for (let i = 0; i < 3; i++) expect(await caller.ask('connect 127.0.0.1 17801')).toBe(0);
    expect(await caller.ask('connect 127.0.0.1 17802')).toBe(111); // ECONNREFUSED: nobody listens
    await until(() => of('RECORD_FLOW', client.id).length === 2 && of('RECORD_FLOW', server.id).length === 1);
    expect(of('RECORD_FLOW', client.id)[0]?.pid).toBe(caller.pid);
    expect(of('RECORD_FLOW', client.id)[0]?.text('exe', 32)).toBe('doer');
    expect(of('RECORD_FLOW', server.id)[0]?.pid).toBe(0);
    const bytes = probe.readFlows();
    const connect = { direction: constant('FLOW_CONNECT'), family: 4, peer: LOOPBACK };
    expect(readEntries(bytes, client.id).sort((a, b) => a.port - b.port)).toEqual([
      { ...connect, port: 17801, opened: 3, attempts: 3, failures: 0, in: 0, out: 0 },
      { ...connect, port: 17802, opened: 0, attempts: 1, failures: 1, in: 0, out: 0 },
    ]);
    expect(readEntries(bytes, server.id)).toEqual([
      {
        ...connect,
        direction: constant('FLOW_ACCEPT'),
        port: 17801,
        opened: 3,
        attempts: 0,
        failures: 0,
        in: 0,
        out: 0,
      },
    ]);
    expect(readEntries(probe.readFlows(), client.id)).toEqual([]);
    await caller.ask('connect 127.0.0.1 17801');
    await until(() => of('RECORD_FLOW', client.id).length === 3); // a new window, a new first sight
    expect(readEntries(probe.readFlows(), client.id)).toEqual([
      { ...connect, port: 17801, opened: 1, attempts: 1, failures: 0, in: 0, out: 0 },
    ]);
  });

  it('tells IPv6 from IPv4 carried by an IPv6 socket', async () => {
    const { probe } = await openTestProbe();
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    await doer.ask('connect ::1 17803');
    await doer.ask('connect ::ffff:127.0.0.1 17804');
    const flows = readEntries(probe.readFlows(), cgroup.id).sort((a, b) => a.port - b.port);
    expect(flows.map(({ family, peer, port }) => ({ family, peer, port }))).toEqual([
      { family: 6, peer: LOOPBACK6, port: 17803 },
      { family: 4, peer: LOOPBACK, port: 17804 },
    ]);
  });

  it('counts what a full flow map turned away, and still reports it', async () => {
    const { probe, of } = await openTestProbe({ flows: 1 });
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path);
    for (let port = 17810; port < 17830; port++) await doer.ask(`connect 127.0.0.1 ${port}`);
    await until(() => of('RECORD_FLOW', cgroup.id).length >= 20);
    expect(probe.counters().lost[constant('LOSS_FLOWS_FULL')]).toBeGreaterThan(0n);
  });

  it.each([
    ['127.0.0.1', 4, LOOPBACK],
    ['::1', 6, LOOPBACK6],
    ['::ffff:127.0.0.1', 4, LOOPBACK],
  ])('counts the payload of a connection to %s, exactly', async (address, family, peer) => {
    const { probe } = await openTestProbe();
    const { client, server, caller, answerer } = await connectedPair(address, 17840);
    await Promise.all([caller.ask('send 10000000'), answerer.ask('take 10000000')]);
    await Promise.all([answerer.ask('send 3000001'), caller.ask('take 3000001')]);
    await caller.ask('hangup');
    await answerer.ask('hangup');
    const bytes = probe.readFlows();
    const flow = { family, peer, port: 17840, opened: 1, failures: 0 };
    expect(readEntries(bytes, client.id)).toEqual([
      { ...flow, direction: constant('FLOW_CONNECT'), attempts: 1, in: 3_000_001, out: 10_000_000 },
    ]);
    expect(readEntries(bytes, server.id)).toEqual([
      { ...flow, direction: constant('FLOW_ACCEPT'), attempts: 0, in: 10_000_000, out: 3_000_001 },
    ]);
    expect(readEntries(probe.readFlows(), client.id)).toEqual([]);
  });

  it('sees a connection grow while it is open, window by window', async () => {
    const { probe } = await openTestProbe();
    const { client, server, caller, answerer } = await connectedPair('127.0.0.1', 17841);
    for (const size of [1000, 0, 70_000]) {
      await Promise.all([caller.ask(`send ${size}`), answerer.ask(`take ${size}`)]);
      const bytes = probe.readFlows();
      const sums = (cgroup: number) => readEntries(bytes, cgroup).map((flow) => [flow.in, flow.out]);
      if (size === 0)
        expect([...sums(client.id), ...sums(server.id)].flat().every((n) => n === 0)).toBe(true);
      else expect([sums(client.id), sums(server.id)]).toEqual([[[0, size]], [[size, 0]]]);
    }
  });

  it('loses and doubles nothing, however often the flows are read meanwhile', async () => {
    const { probe } = await openTestProbe();
    const { client, server, caller, answerer } = await connectedPair('127.0.0.1', 17842);
    const [sent, taken] = [addUp(probe, client.id), { in: 0, out: 0, opened: 0 }];
    let done = false;
    const transfer = Promise.all([caller.ask('send 50000000'), answerer.ask('take 50000000')]).then(() => {
      done = true;
    });
    let readings = 0;
    const read = () => {
      const bytes = probe.readFlows();
      readings += 1;
      for (const flow of readEntries(bytes, client.id)) sent.out += flow.out;
      for (const flow of readEntries(bytes, server.id)) taken.in += flow.in;
    };
    while (!done) {
      read();
      await sleep(0);
    }
    await transfer;
    await caller.ask('hangup');
    await answerer.ask('hangup');
    read();
    read();
    expect(readings).toBeGreaterThan(10);
    expect([sent.out, taken.in]).toEqual([50_000_000, 50_000_000]);
  });

  it('counts what connections that were there before it send from then on', async () => {
    const { client, server, caller, answerer } = await connectedPair('127.0.0.1', 17843);
    await Promise.all([caller.ask('send 5000'), answerer.ask('take 5000')]);
    await Promise.all([answerer.ask('send 700'), caller.ask('take 700')]);
    const { probe } = await openTestProbe();
    await Promise.all([caller.ask('send 12345'), answerer.ask('take 12345')]);
    await caller.ask('hangup');
    await answerer.ask('hangup');
    const bytes = probe.readFlows();
    const flow = { family: 4, peer: LOOPBACK, port: 17843, opened: 0, attempts: 0, failures: 0 };
    expect(readEntries(bytes, client.id)).toEqual([
      { ...flow, direction: constant('FLOW_CONNECT'), in: 0, out: 12_345 },
    ]);
    expect(readEntries(bytes, server.id)).toEqual([
      { ...flow, direction: constant('FLOW_ACCEPT'), in: 12_345, out: 0 },
    ]);
  });

  it('counts a connect that nobody answers as failed when it is given up', async () => {
    const { probe } = await openTestProbe();
    const name = `picket-t${process.pid}`;
    execFileSync('ip', ['netns', 'add', name]);
    atEnd(() => void execFileSync('ip', ['netns', 'del', name]));
    const inside = ['ip', 'netns', 'exec', name];
    const run = (...args: string[]) => execFileSync('ip', ['-n', name, ...args]);
    run('link', 'set', 'lo', 'up');
    run('link', 'add', 'pit', 'type', 'veth', 'peer', 'name', 'bottom');
    run('link', 'set', 'pit', 'up');
    run('link', 'set', 'bottom', 'up');
    run('address', 'add', '192.0.2.1/24', 'dev', 'pit');
    run('neighbour', 'add', '192.0.2.2', 'lladdr', '02:00:00:00:00:01', 'dev', 'pit');
    const cgroup = makeCgroup();
    const doer = await startDoer(cgroup.path, inside);
    expect(await doer.ask('connect 192.0.2.2 443')).toBe(110); // ETIMEDOUT
    const [flow] = readEntries(probe.readFlows(), cgroup.id);
    expect(flow).toMatchObject({
      port: 443,
      peer: `c0000202${'0'.repeat(24)}`,
      opened: 0,
      attempts: 1,
      failures: 1,
    });
    expect(flow).toMatchObject({ in: 0, out: 0 });
  });
});
