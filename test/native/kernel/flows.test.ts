import { afterEach, describe, expect, it } from 'vitest';
import {
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
    const sums = { opened: number('opened'), attempts: number('attempts'), failures: number('failures') };
    flows.push({ ...head, port: entry.readUInt16LE(key('port')), peer, ...sums });
  }
  return flows;
}

const LOOPBACK = `7f000001${'0'.repeat(24)}`;
const LOOPBACK6 = `${'0'.repeat(31)}1`;

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
      { ...connect, port: 17801, opened: 3, attempts: 3, failures: 0 },
      { ...connect, port: 17802, opened: 0, attempts: 1, failures: 1 },
    ]);
    expect(readEntries(bytes, server.id)).toEqual([
      { ...connect, direction: constant('FLOW_ACCEPT'), port: 17801, opened: 3, attempts: 0, failures: 0 },
    ]);
    expect(readEntries(probe.readFlows(), client.id)).toEqual([]);
    await caller.ask('connect 127.0.0.1 17801');
    await until(() => of('RECORD_FLOW', client.id).length === 3); // a new window, a new first sight
    expect(readEntries(probe.readFlows(), client.id)).toEqual([
      { ...connect, port: 17801, opened: 1, attempts: 1, failures: 0 },
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
});
