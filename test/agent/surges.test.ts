/** A container's windows, of which some have too much of something. */
import { beforeEach, expect, test } from 'vitest';
import type { FlowEvent } from '../../agent/events/event.ts';
import { resourcesOf } from '../../agent/events/resources.ts';
import { WindowBuilder } from '../../agent/features/window.ts';
import type { Container } from '../../agent/identity/container.ts';
import { Baseline } from '../../agent/models/baseline.ts';
import { Surges } from '../../agent/surges.ts';
import { flowEntry } from '../builders/records.ts';
import { API, ordinary, shop } from '../builders/shop.ts';
import { makePipeline, run, type World } from '../builders/world.ts';

const CONTAINER = { id: 'c', cgroup: 1 } as Container;
const WINDOW_S = 5;
const NODE = { windows: 4000, records: 0, octaves: 0 };
const PEER = { protocol: 'tcp', direction: 'connect', peer: '10.0.0.9', port: 443 } as const;

interface Load {
  /** CPU seconds, bytes sent. */
  readonly cpu?: number;
  readonly sent?: number;
  /** Sent in flows that the test tells of itself. */
  readonly others?: number;
  readonly clean?: boolean;
}

let baseline: Baseline;
let surges: Surges;
let startNs = 0n;
beforeEach(() => {
  baseline = new Baseline('c1/n/Deployment/shop', { learnWindows: 6, matureWindows: 20 });
  surges = new Surges(() => NODE);
  startNs = 0n;
});

/** One more window: what is told of it. */
function next({ cpu = 0.05, sent = 2000, others = 0, clean = true }: Load = {}): ReturnType<Surges['end']> {
  const builder = new WindowBuilder(startNs);
  const endNs = startNs + BigInt(WINDOW_S) * 1_000_000_000n;
  const of = { slot: 1, cgroup: 1, opened: 0, failures: 0, attempts: 1, bytesIn: 100, segmentsIn: 1 };
  const flow = { ...of, ...PEER, segmentsOut: 1, bytesOut: sent, first: startNs, last: endNs };
  builder.flow(flow);
  if (others > 0) builder.flow({ ...flow, bytesOut: others });
  surges.flow(flow, { kind: 'connect', value: 'shop/db:5432' });
  builder.resources(resourcesOf((name) => (name === 'cpuUs' ? cpu * 1e6 : null)));
  const window = builder.close(endNs);
  startNs = endNs;
  const told = surges.end(window, { baseline, container: CONTAINER, steps: 0, share: 1, host: false });
  surges.settle(baseline, clean);
  return told;
}

const live = (windows: number, load?: (n: number) => Load): string[] =>
  Array.from({ length: windows }, (_, n) => next(load?.(n)).map(({ summary }) => summary)).flat();

test('says nothing of what is as ever, nor before it knows what that is', () => {
  expect(next({ cpu: 20, sent: 1e9, clean: false })).toEqual([]);
  expect(live(400, (n) => ({ cpu: 0.02 + (n % 7) / 50, sent: 1000 * (1 + (n % 5)) }))).toEqual([]);
});

test('a core that is burnt is told, again when it goes on, and strong enough to stand alone after minutes', () => {
  live(200);
  const told = Array.from({ length: 60 }, () => next({ cpu: WINDOW_S, clean: false })).flat();
  expect(told[0]?.summary).toMatch(/^CPU time used \d+(\.\d)? s more than usual, never any before$/);
  expect(told[0]?.techniques).toEqual(['T1496']);
  expect(told.map(({ again }) => again)).toEqual([false, ...told.slice(1).map(() => true)]);
  expect([told.length > 2, told.length < 12]).toEqual([true, true]);
  expect(told.at(-1)?.bits).toBeGreaterThan(24);
  expect(told.at(-1)?.explanation).toContain('It goes on.');
});

test('many bytes at once are told with whom they went to and which program called it', () => {
  live(200);
  const event = { kind: 'flow', ...PEER, exe: '/usr/bin/node', process: { pid: 7, start: 1n } } as FlowEvent;
  surges.called(event);
  const [told] = next({ sent: 60e6, clean: false });
  expect(told?.summary).toBe(
    'bytes sent 60 MB more than usual, never any before; most of it with 10.0.0.9:443 by /usr/bin/node',
  );
  expect([told?.facts['peer'], told?.event]).toEqual(['10.0.0.9:443', event]);
  expect(told?.bits).toBeGreaterThan(20);
});

test('what is done each night is learnt, and a level that stays is usual after a while', () => {
  live(100);
  const night = (): string[] => [...live(20, () => ({ sent: 20e6 })), ...live(400)];
  const nights = [night(), night(), night(), night()];
  expect(nights.map((told) => told.length > 0)).toEqual([true, true, true, false]);
  live(2000, () => ({ cpu: 2 }));
  expect(live(300, () => ({ cpu: 2 }))).toEqual([]);
});

test('a surge of which part may not be learnt is not learnt', () => {
  live(200);
  next({ sent: 900_000 });
  next({ sent: 900_000, clean: false });
  live(60);
  const sent = 'bytes sent';
  expect(baseline.surge.highest(sent)).toBe(0);
  for (let n = 0; n < 3; n++) {
    next({ sent: 900_000 });
    live(400);
  }
  expect(baseline.surge.highest(sent)).toBeGreaterThan(0);
});

/** The shop, whose first replica sends so much to the database in each window. */
function shopSends(world: World, windows: number, bytesOut: number): void {
  for (let n = 0; n < windows; n++) {
    ordinary(world);
    const flow = {
      direction: 'connect',
      peer: '10.0.9.9',
      port: 5432,
      first: world.now,
      last: world.now,
    } as const;
    world.tick({
      flows: Buffer.concat([
        flowEntry({ ...flow, slot: 2, cgroup: 500, bytesOut }),
        flowEntry({ ...flow, slot: 3, cgroup: 510, bytesOut: 2000 + (n % 7) * 300 }),
      ]),
    });
  }
}

test.each([
  ['a hundred MB at once', 1, 100e6],
  ['four MB a window for two minutes', 24, 4e6],
])('%s to a peer that gets kB is an alert that names it; what goes on is not told each time', (_, windows, bytes) => {
  const world = shop();
  shopSends(world, 300, 2500);
  const before = world.now;
  shopSends(world, windows, bytes);
  shopSends(world, 2, 2500);
  const { told } = run(world);
  const alerts = told.alerts.filter(({ detectors }) => detectors.includes('surge'));
  expect(alerts.map(({ container }) => container.identity.workload)).toContain(API);
  expect([alerts.length > 0, alerts.length < 6]).toEqual([true, true]);
  expect(alerts[0]?.explanation.join(' ')).toMatch(/bytes sent to 10\.0\.9\.9:5432 .* MB more than usual/);
  const surges = told.detections.filter(({ detector }) => detector === 'surge');
  expect(surges.every(({ timeNs }) => timeNs > before)).toBe(true);
});

test('a surge does not keep others from being told; what begins with it is one with it', () => {
  live(200);
  const [cpu] = next({ cpu: 4 * WINDOW_S, clean: false });
  expect([cpu?.lasts, cpu?.again]).toEqual(['CPU time used', false]);
  const [also] = next({ cpu: 4 * WINDOW_S, sent: 60e6, clean: false });
  expect([also?.facts['channel'], also?.lasts, also?.again]).toEqual(['bytes sent', cpu?.lasts, true]);
  expect(also?.explanation).not.toContain('It goes on.');
  live(60, () => ({ cpu: 4 * WINDOW_S, clean: false }));
  const [later] = next({ cpu: 4 * WINDOW_S, sent: 90e6, clean: false });
  expect([later?.facts['channel'], later?.again]).toEqual([later?.lasts, false]);
  expect(later?.lasts).toMatch(/^bytes sent/);
});

/** A flow of this window. */
function flow(of: Partial<Parameters<Surges['flow']>[0]>, value: string): void {
  const none = { slot: 1, cgroup: 1, opened: 0, failures: 0, attempts: 0, bytesIn: 0, segmentsIn: 1 };
  const known = { ...none, ...PEER, segmentsOut: 1, bytesOut: 0, first: startNs, last: startNs };
  surges.flow({ ...known, ...of }, { kind: of.direction ?? 'connect', value });
}

test('flows of a start that nobody looked at are no part of the window after it', () => {
  live(200);
  flow({ bytesOut: 500e6 }, 'shop/db:5432');
  surges.settle(baseline, false);
  expect(next()).toEqual([]);
});

test.each([
  ['one of many that has half', [60e6, 10e6], '10.0.0.9:443'],
  ['none where it went to many', [...Array(30).keys()].map(() => 2e6), undefined],
])('names %s', (_, parts, peer) => {
  live(200);
  for (const [i, bytesOut] of parts.slice(1).entries()) flow({ peer: `10.0.1.${i}`, bytesOut }, `p${i}:80`);
  const [told] = next({
    sent: parts[0] ?? 0,
    others: parts.slice(1).reduce((a, b) => a + b, 0),
    clean: false,
  });
  expect(told?.facts['channel']).toBe('bytes sent');
  expect(told?.facts['peer']).toBe(peer);
});

test('who took it from a server is named, as is the number: not the peer that the server called', () => {
  live(200);
  flow({ direction: 'accept', peer: '203.0.113.7', port: 8080, bytesOut: 80e6 }, '8080');
  const [told] = next({ sent: 3000, others: 80e6, clean: false });
  expect(told?.facts).toMatchObject({ channel: 'bytes sent', peer: '203.0.113.7' });
});

test('surges that follow each other come to one, and many of them teach nothing', () => {
  live(200);
  const told = Array.from({ length: 40 }, () => [...next({ sent: 400_000 }), ...live(2)]).flat();
  expect(told.length).toBeGreaterThan(1);
  expect(baseline.surge.highest('bytes sent')).toBeLessThan(400_000);
  const ratchet = Array.from({ length: 12 }, (_, n) => [
    ...live(3),
    ...next({ sent: 300_000 * 2 ** n }),
  ]).flat();
  expect(ratchet.length).toBeGreaterThan(1);
  expect(baseline.surge.highest('bytes sent')).toBeLessThan(1e6);
});

test('a window of which something was told is saved at the next checkpoint, though nothing in it is new', () => {
  const world = shop();
  shopSends(world, 300, 2500);
  const before = world.frames.length;
  shopSends(world, 1, 2500);
  const asEver = world.frames.length;
  shopSends(world, 1, 100e6);
  const { pipeline, told } = makePipeline({});
  const saves = (from: number, to?: number): boolean => {
    for (const frame of world.frames.slice(from, to)) pipeline.frame(frame);
    return pipeline.registry.save().some(({ workload }) => workload === API);
  };
  saves(0, before);
  expect(saves(before, asEver)).toBe(false);
  const [known, said] = [told.windows.length, told.detections.length];
  expect(saves(asEver)).toBe(true);
  const last = told.windows.slice(known).filter(({ container }) => container.identity.workload === API);
  expect(last.map(({ newFacts, newPairs }) => newFacts + newPairs)).toEqual([0, 0]);
  expect(told.detections.slice(said).map(({ detector }) => detector)).toContain('surge');
});
