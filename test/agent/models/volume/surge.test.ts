/** Amounts that surges came to, over many windows: what is twice as much as ever, and how it is told. */
import { expect, test } from 'vitest';
import {
  bitsOfSurge,
  type Records,
  Surge,
  sentTo,
  sumOfRecords,
} from '../../../../agent/models/volume/surge.ts';
import { lots } from './lots.ts';

const CHANNELS = [
  { name: 'CPU time used', material: 1, show: (amount: number) => `${Math.round(amount)} s` },
  { name: 'bytes sent', material: 1000, show: (amount: number) => `${Math.round(amount)} B` },
];
const OF_PEERS = { name: '', material: 1000, show: String };
const CPU = 'CPU time used';
const NODE: Records = { windows: 5000, records: 0, octaves: 0 };
/** CPU time and bytes, by channel. */
const amounts = (values: readonly number[]): Map<string, number> =>
  new Map(CHANNELS.map(({ name }, i) => [name, values[i] ?? 0]));
const bitsOf = (surge: Surge, open: readonly number[], node = NODE): number => {
  const score = surge.score({ open: amounts(open), node });
  return score.state === 'scored' ? bitsOfSurge(score.score) : Number.NaN;
};

/** A workload that uses a fiftieth of a CPU and has had surges of up to `most` CPU seconds. */
function lived(windows: number, most: number): Surge {
  const surge = new Surge(CHANNELS, OF_PEERS);
  const lot = lots(3);
  for (let n = 0; n < windows; n++)
    surge.learn({
      rates: amounts([0.02, 500 * lot()]),
      ended: amounts([n % 10 === 0 ? most * lot() : 0, 0]),
    });
  return surge;
}

test('what is not twice as much as ever is nothing, from there on it is the stranger the more it is', () => {
  const surge = lived(300, 20);
  expect([0, 10, 20, 30].map((amount) => bitsOf(surge, [amount, 0]))).toEqual([0, 0, 0, 0]);
  const rising = [60, 120, 600, 6000].map((amount) => bitsOf(surge, [amount, 0]));
  expect(rising).toEqual(rising.toSorted((a, b) => a - b));
  expect([(rising[0] ?? 0) > 8, (rising[3] ?? 0) > 20]).toEqual([true, true]);
});

test('little is nothing, whatever there was before; nor is what a workload does in a minute anyway', () => {
  const surge = lived(300, 0);
  expect(bitsOf(surge, [0.9, 900])).toBe(0);
  expect(bitsOf(surge, [0, 60 * 250])).toBe(0);
  expect(bitsOf(surge, [0, 60 * 250 * 4])).toBeGreaterThan(8);
});

test('says the number, what it is and what was the most', () => {
  const score = lived(300, 20).score({ open: amounts([640, 0]), node: NODE });
  expect(score.state === 'scored' ? score.parts.map(({ what }) => what) : []).toEqual([
    expect.stringMatching(/^CPU time used 640 s more than usual, never more than (19|20) s before$/),
  ]);
});

test('where surges are usual, on the node or here, one says less', () => {
  const [calm, restless] = [lived(300, 20), new Surge(CHANNELS, OF_PEERS)];
  const ofNode = bitsOf(calm, [200, 0], { windows: 5000, records: 40, octaves: 60 });
  expect(ofNode).toBeLessThan(bitsOf(calm, [200, 0]) - 4);
  for (let n = 0; n < 300; n++)
    restless.learn({ rates: amounts([0.02, 0]), ended: amounts([n % 30 === 0 ? 4 ** (n / 30) : 0, 0]) });
  expect(restless.records.records).toBeGreaterThan(4);
  expect(bitsOf(restless, [6 * restless.highest(CPU), 0])).toBeLessThan(
    bitsOf(calm, [6 * calm.highest(CPU), 0]) - 3,
  );
  expect(sumOfRecords([calm.records, restless.records]).records).toBeGreaterThan(4);
});

test('a strange surge is learnt when it came at three times far apart, and then as large as the least of them', () => {
  const surge = lived(300, 4);
  const ended = (amount: number): void =>
    surge.learn({ rates: amounts([0.02, 0]), ended: amounts([amount, 0]) });
  for (const amount of [900, 800, 800, 800]) ended(amount);
  expect(surge.highest(CPU)).toBeLessThan(4);
  for (const amount of [400, 700]) {
    for (let n = 0; n < 360; n++) ended(0);
    ended(amount);
  }
  expect(surge.highest(CPU)).toBe(400);
  expect(bitsOf(surge, [700, 0])).toBe(0);
});

test('what is sent to one peer is looked at by itself, once that peer was known for a while; the unused leave', () => {
  const surge = lived(300, 20);
  const [much, little] = [sentTo('shop/db:5432'), sentTo('payments.example:443')];
  const window = (extra: Iterable<readonly [string, number]>) => ({
    rates: new Map([...amounts([0.02, 1e6]), [much, 1e6], ...extra]),
    ended: new Map<string, number>(),
  });
  for (let n = 0; n < 40; n++) surge.learn(window([[little, 20]]));
  const bits = (channel: string): number => surge.bits(channel, 20_000, NODE);
  expect([much, little, sentTo('never')].map(bits)).toEqual([0, 0, 0]);
  for (let n = 0; n < 40; n++) surge.learn(window(n % 4 === 0 ? [[little, 20]] : []));
  expect([bits(much), bits(little) > 8]).toEqual([0, true]);
  for (let n = 0; n < 40; n++) surge.learn(window([[sentTo(`scan-${n}`), 5]]));
  expect(bits(little)).toBe(0);
  expect(surge.usual(much)).toBeGreaterThan(0);
});

test('what was strange by what the node knows is not learnt at once', () => {
  const [judged, unjudged] = [lived(60, 0), lived(60, 0)];
  const own = judged.bits(CPU, 8);
  expect([own > 0, own < 10, judged.bits(CPU, 8, NODE) > 10]).toEqual([true, true, true]);
  const window = { rates: amounts([0.02, 0]), ended: amounts([8, 0]) };
  judged.learn({ ...window, judged: amounts([judged.bits(CPU, 8, NODE), 0]) });
  unjudged.learn(window);
  expect([judged.highest(CPU), unjudged.highest(CPU) > 2]).toEqual([0, true]);
});

test('one workload that is restless hardly changes what is usual on the node', () => {
  const calm = { windows: 2000, records: 1, octaves: 1 };
  const sum = sumOfRecords([calm, calm, { windows: 2000, records: 200, octaves: 900 }]);
  expect([sum.windows, sum.records < 8, sum.octaves < 36]).toEqual([6000, true, true]);
  expect(sum.octaves / sum.records).toBeGreaterThan(2);
});

test('what a version before it saved is left out, what is broken is not', () => {
  const surge = lived(60, 4);
  expect(surge.load({ windows: 9, records: [0, 0], channels: [[[0, 0, 0], 4, []]] })).toBe(false);
  expect(surge.learnt).toBe(60);
  const saved = JSON.parse(JSON.stringify(surge.save()));
  expect(new Surge(CHANNELS, OF_PEERS).load(saved)).toBe(true);
  expect(() => surge.load({ ...saved, channels: [[0]] })).toThrow(TypeError);
});

test('surges of which none is a record lead the largest upwards by an octave an hour at most', () => {
  const surge = lived(300, 20);
  const before = surge.highest(CPU);
  for (let n = 0; n < 720; n++)
    surge.learn({
      rates: amounts([0.02, 0]),
      ended: amounts([n % 10 === 0 ? 1.8 * surge.highest(CPU) : 0, 0]),
    });
  expect([surge.highest(CPU) > before, surge.highest(CPU) < 16 * before]).toEqual([true, true]);
  expect(bitsOf(surge, [2 ** 12 * before, 0])).toBeGreaterThan(15);
});
