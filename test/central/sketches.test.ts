/** Sketches of workloads from several nodes: merged when they are asked for, and only those that can be. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cardinality } from '../../kit/sketch/cardinality.ts';
import { Frequency } from '../../kit/sketch/frequency.ts';
import { hasherOf, hashKey } from '../../kit/sketch/hash-key.ts';
import { Quantiles } from '../../kit/sketch/quantiles.ts';
import { encodeSketch } from '../../kit/sketch/sketch.ts';
import type { Input, Sketch, WorkloadSketches } from '../../wire/index.ts';
import { summary } from '../builders/summaries.ts';
import { startCentral, type TestCentral, type TestNode, temporaryFolder } from './harness.ts';

const folder = temporaryFolder();
const WEB = 'local/demo/Deployment/web/web';
let central: TestCentral;
let secret = '';
const nodes = new Map<string, TestNode>();

beforeAll(async () => {
  central = await startCentral({ folder: folder.path });
  for (const name of ['node-1', 'node-2']) {
    const identity = await central.enrol(name);
    [secret = ''] = identity.hashKeys;
    nodes.set(name, central.node(identity));
  }
});
afterAll(async () => {
  await central.stop();
  folder.remove();
});

/** Peers first to last - 1 and as many calls, as an agent with this key tells them. */
function sketchesOf(first: number, last: number, key = hashKey(secret)): Input<Sketch>[] {
  const hash = hasherOf(key);
  const [peers, windows, calls] = [new Cardinality(), new Frequency(), new Quantiles()];
  for (let i = first; i < last; i += 1) {
    peers.add(hash(`peers 10.0.0.${i}`));
    windows.add(hash(`peers 10.0.0.${i}`), i === 15 ? 50 : 1);
    calls.add(1000 + i);
  }
  return [
    { what: 'peers', key: key.id, ...encodeSketch(peers) },
    { what: 'peer-windows', key: key.id, ...encodeSketch(windows) },
    { what: 'syscalls', key: '', ...encodeSketch(calls) },
  ];
}

async function send(node: string, sequence: number, sketches: Input<Sketch>[], workload = WEB) {
  const told: Input<WorkloadSketches> = { workload, startNs: 1n, endNs: 2n, sketches };
  return nodes.get(node)?.send({ ...summary({ node, sequence }), sketches: [told] });
}
const workloads = async () =>
  (await central.call('GET', '/api/v1/workloads')).value['workloads'] as Record<string, unknown>[];
const peersOf = (workload: Record<string, unknown> | undefined): unknown =>
  (workload?.['distinct'] as Record<string, unknown>)['peers'];
// The fleet's key is new in each run, and in one of six two of the 40 values share a register of the 4096. Twice counted, the peers of the nodes would be 60.
const ABOUT_40 = [37, 38, 39, 40, 41];
const counted = (result: string): Promise<number> =>
  central.metric(`picket_central_sketches_total{result="${result}"}`);

describe('sketches', () => {
  it('of two nodes and two intervals are one union, in which nothing counts twice', async () => {
    expect((await send('node-1', 1, sketchesOf(0, 20)))?.status).toBe(200);
    expect((await send('node-1', 1, sketchesOf(0, 20)))?.reply?.duplicate).toBe(true);
    await send('node-1', 2, sketchesOf(10, 30));
    await send('node-2', 1, sketchesOf(10, 40));
    const [web, ...others] = await workloads();
    expect(others).toEqual([]);
    expect(web).toMatchObject({ cluster: 'local', workload: WEB, nodes: 2 });
    expect(peersOf(web)).toBeOneOf(ABOUT_40);
    const { frequent, quantiles } = web as {
      frequent: Record<string, { hash: string; count: number }[]>;
      quantiles: Record<string, Record<string, number>>;
    };
    // 70 values of 1000 to 1039, to within 1 %.
    expect(Math.abs((quantiles['syscalls']?.['p50'] ?? 0) / 1019 - 1)).toBeLessThan(0.02);
    const most = Buffer.from(hasherOf(hashKey(secret))('peers 10.0.0.15')).toString('hex');
    expect(frequent['peer-windows']?.[0]).toEqual({ hash: most, count: 150 });
    expect(await counted('taken')).toBe(9);
  });

  it('under a key that central did not give, or of a kind of the future, are not taken; the rest of the summary is', async () => {
    const own = hashKey('cd'.repeat(32), true);
    const future = { ...sketchesOf(0, 5)[0], version: 2, bytes: Buffer.from('whatever comes') };
    const sent = await send('node-1', 10, [...sketchesOf(0, 500, own).slice(0, 2), future]);
    expect([sent?.status, await counted('other-key'), await counted('unknown-kind')]).toEqual([200, 2, 1]);
    expect(peersOf((await workloads())[0])).toBeOneOf(ABOUT_40);
  });

  it.each([
    ['bytes that are none', [{ ...sketchesOfAny(), bytes: Buffer.from([1]) }], 'PICKET_MALFORMED'],
    ['too many of one workload', Array(17).fill(sketchesOfAny()), 'PICKET_MALFORMED'],
    ['a hostile name', [{ ...sketchesOfAny(), what: 'a\u001b[2J' }], 'PICKET_MALFORMED'],
    ['more bytes than any has', [{ ...sketchesOfAny(), bytes: Buffer.alloc(20_481) }], 'PICKET_MALFORMED'],
  ])('with %s refuse the summary', async (_, sketches, code) => {
    expect((await send('node-2', 20, sketches))?.error?.code).toBe(code);
  });

  it('of another cluster are refused', async () => {
    expect((await send('node-2', 21, sketchesOf(0, 1), 'other/-/a/b/c'))?.error?.code).toBe(
      'PICKET_IDENTITY',
    );
  });
});

function sketchesOfAny(): Input<Sketch> {
  return { what: 'peers', key: 'hash-0', ...encodeSketch(new Cardinality()) };
}
