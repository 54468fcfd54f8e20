/** UDP flows. Addresses of 127.0.0.0/8 that nothing else uses, as the suite runs alone. */
import { afterEach, describe, expect, it } from 'vitest';
import { decodeFlows } from '../../../agent/events/decode.ts';
import type { Probe } from '../../../native/index.ts';
import { cleanUp, makeCgroup, openTestProbe, skipReason, startDoer, until } from '../kernel-fixtures.ts';

interface Sums {
  readonly direction: string;
  readonly peer: string;
  readonly port: number;
  readonly opened: number;
  readonly in: readonly [bytes: number, datagrams: number];
  readonly out: readonly [bytes: number, datagrams: number];
}

/** UDP flows of a container since the last reading, by port. */
function udpFlows(bytes: Buffer, cgroup: number): Sums[] {
  return decodeFlows(bytes)
    .flows.filter((flow) => flow.protocol === 'udp' && flow.cgroup === cgroup)
    .sort((a, b) => a.port - b.port)
    .map(({ direction, peer, port, opened, bytesIn, bytesOut, segmentsIn, segmentsOut }) => ({
      direction,
      peer,
      port,
      opened,
      in: [bytesIn, segmentsIn],
      out: [bytesOut, segmentsOut],
    }));
}

async function pair() {
  const [client, server] = [makeCgroup(), makeCgroup()];
  const [asker, answerer] = [await startDoer(client.path), await startDoer(server.path)];
  return { client, server, asker, answerer };
}

const flowsOf = (probe: Probe, ...cgroups: number[]): Sums[][] => {
  const bytes = probe.readFlows();
  return cgroups.map((cgroup) => udpFlows(bytes, cgroup));
};

describe.skipIf(skipReason('datagrams') !== null)('datagrams', () => {
  afterEach(cleanUp);

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
  ])('counts what two containers say to each other over %s, exactly, at both ends', async (to, peer) => {
    const { probe, of } = await openTestProbe();
    const { client, server, asker, answerer } = await pair();
    await answerer.ask(`datagrams bind ${to} 17901`);
    const echoed = answerer.ask('datagrams echo 5');
    expect(await asker.ask(`datagrams connect ${to} 17901`)).toBe(0);
    expect(await asker.ask(`datagrams to ${to} 17901 1000 5`)).toBe(0); // sendto on a connected socket
    expect([await echoed, await asker.ask('datagrams take 5')]).toEqual([0, 0]);
    const [ofClient, ofServer] = flowsOf(probe, client.id, server.id);
    const both = { peer, port: 17901, opened: 1, in: [5000, 5], out: [5000, 5] };
    expect(ofClient).toEqual([{ ...both, direction: 'connect' }]);
    expect(ofServer).toEqual([{ ...both, direction: 'accept' }]);
    await until(() => of('RECORD_FLOW', client.id).length > 0 && of('RECORD_FLOW', server.id).length > 0);
    const told = of('RECORD_FLOW', client.id);
    expect(told.map((record) => [record.pid, record.text('exe', 32)])).toEqual([[asker.pid, 'doer']]);
    expect(of('RECORD_FLOW', server.id).map(({ pid }) => pid)).toEqual([0]);
  });

  it('keeps who began through windows, whoever sends first in one', async () => {
    const { probe } = await openTestProbe();
    const { client, server, asker, answerer } = await pair();
    await answerer.ask('datagrams bind 127.0.0.1 17902');
    for (let round = 0; round < 3; round++) {
      const sent = answerer.ask('datagrams echo 1');
      await asker.ask('datagrams to 127.0.0.1 17902 100 1');
      flowsOf(probe, client.id); // a window ends between question and answer, or just after
      await Promise.all([sent, asker.ask('datagrams take 1')]);
      const told = flowsOf(probe, client.id, server.id).flat();
      for (const flow of told) expect([flow.port, flow.opened <= 1]).toEqual([17902, true]);
    }
  });

  it('counts each datagram of one that the kernel cuts later, and what goes through a ring', async () => {
    const { probe } = await openTestProbe();
    const { client, server, asker, answerer } = await pair();
    await answerer.ask('datagrams bind 127.0.0.1 17903');
    const taken = answerer.ask('datagrams take 11');
    expect(await asker.ask('datagrams segments 127.0.0.1 17903 12345 1234')).toBe(0);
    expect(await taken).toBe(0);
    await asker.ask('datagrams connect 127.0.0.1 17903');
    expect(await asker.ask('datagrams ring 77')).toBe(0);
    expect(await answerer.ask('datagrams take 1')).toBe(0);
    const [ofClient, ofServer] = flowsOf(probe, client.id, server.id);
    expect(ofClient?.map((flow) => flow.out)).toEqual([[12_422, 12]]);
    expect(ofServer?.map((flow) => flow.in)).toEqual([[12_422, 12]]);
  });

  it('loses nothing over many windows', async () => {
    const { probe } = await openTestProbe();
    const { client, asker, answerer } = await pair();
    await answerer.ask('datagrams bind 127.0.0.1 17904');
    const sums = [0, 0];
    const add = () => {
      for (const flow of flowsOf(probe, client.id).flat()) {
        sums[0] = (sums[0] ?? 0) + flow.out[0];
        sums[1] = (sums[1] ?? 0) + flow.out[1];
      }
    };
    let done = false;
    const sent = asker.ask('datagrams to 127.0.0.1 17904 10 100000').then(() => {
      done = true;
    });
    let readings = 0;
    for (; !done; readings++) {
      add();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await sent;
    add();
    add();
    expect([sums, readings > 5]).toEqual([[1_000_000, 100_000], true]);
  });

  it('counts DNS questions and answers that are an error', async () => {
    const { probe } = await openTestProbe();
    const { client, asker, answerer } = await pair();
    await answerer.ask('datagrams bind 127.0.0.77 53');
    await asker.ask('datagrams connect 127.0.0.77 53');
    for (const name of ['api.example.com', 'no.such.name', 'api.example.com', 'nowhere.example']) {
      const answered = answerer.ask('datagrams answer 5');
      expect(await asker.ask(`datagrams ask ${name}`)).toBe(0);
      await answered;
    }
    const flow = decodeFlows(probe.readFlows()).flows.find(({ cgroup }) => cgroup === client.id);
    expect(flow).toMatchObject({ protocol: 'udp', direction: 'connect', peer: '127.0.0.77', port: 53 });
    expect([flow?.attempts, flow?.failures]).toEqual([4, 2]);
  });

  it('takes whatever is sent to a DNS port', async () => {
    const { probe } = await openTestProbe();
    const { client, asker, answerer } = await pair();
    await answerer.ask('datagrams bind 127.0.0.78 53');
    for (const [byte, size] of [
      [0, 40],
      [0xff, 600],
      [0x40, 12],
      [0x41, 1400],
      [0x7f, 1],
    ])
      for (const command of [`fill ${byte}`, `to 127.0.0.78 53 ${size} 1`])
        expect(await asker.ask(`datagrams ${command}`)).toBe(0);
    expect(flowsOf(probe, client.id).flat()[0]?.out).toEqual([2053, 5]);
  });

  it('leaves packets of others alone: TCP, and programs that were on the root before', async () => {
    const { probe } = await openTestProbe();
    const second = await openTestProbe(); // two probes on one root
    const { client, asker, answerer } = await pair();
    await answerer.ask('listen 127.0.0.1 17905');
    expect(await asker.ask('connect 127.0.0.1 17905')).toBe(0);
    await answerer.ask('datagrams bind 127.0.0.1 17906');
    await asker.ask('datagrams to 127.0.0.1 17906 10 3');
    for (const each of [probe, second.probe])
      expect(
        flowsOf(each, client.id)
          .flat()
          .map(({ out }) => out),
      ).toEqual([[30, 3]]);
  });
});
