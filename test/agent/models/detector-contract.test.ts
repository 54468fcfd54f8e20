/** The contract of detectors (agent/models/detector.ts), over every detector there is. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Access, type AccessLearnt, type AccessWindow } from '../../../agent/models/access/access.ts';
import { DOOR_KINDS } from '../../../agent/models/access/door.ts';
import { type Detector, MAX_PARTS } from '../../../agent/models/detector.ts';
import { DnsLabels } from '../../../agent/models/dns-labels.ts';
import { Rarity } from '../../../agent/models/rarity.ts';
import { Replica } from '../../../agent/models/replica/replica.ts';
import { Runs } from '../../../agent/models/runs.ts';
import { Shape } from '../../../agent/models/shape/shape.ts';
import { widthsOf } from '../../../agent/models/shape/training.ts';
import { TraceDetector } from '../../../agent/models/traces/trace-detector.ts';
import { Surge, type SurgeWindow, sentTo } from '../../../agent/models/volume/surge.ts';
import { Volume } from '../../../agent/models/volume/volume.ts';

/** A detector with what it learns in period `n`, what it is asked about, and what an attacker would have it learn. */
interface Entry<Learnt, Asked> {
  readonly make: () => Detector<Learnt, Asked>;
  /** Ordinary life: enough of it is known after PERIODS. */
  readonly learn: (n: number) => Learnt;
  /** Some of it learnt, some never seen, and the empty case. */
  readonly ask: readonly Asked[];
  /** As many, as long and as odd as may come. */
  readonly hostile: (n: number) => Learnt;
}

/** Behind one face, so that detectors of different inputs stand in one list. */
function entry<Learnt, Asked>(of: Entry<Learnt, Asked>) {
  return {
    name: of.make().name,
    make: () => {
      const detector = of.make();
      return {
        detector,
        learn: (n: number) => detector.learn(of.learn(n)),
        hostile: (n: number) => detector.learn(of.hostile(n)),
        scores: () => of.ask.map((asked) => detector.score(asked)),
        text: () => JSON.stringify(detector.save()),
      };
    },
  };
}

const WIDTH = 40;

/** Trained at once, to networks of full size that know nothing; the real ones come from another process. */
class Trained extends Shape {
  override learn(row: Float64Array): void {
    super.learn(row);
    const request = this.due('any');
    if (request === null) return;
    let inputs = WIDTH;
    const network = widthsOf(WIDTH).map((units) => {
      const kernel = Array.from({ length: inputs * units }, (_, i) =>
        Number((Math.sin(i) * -0.001).toPrecision(8)),
      );
      inputs = units;
      return { kernel, bias: kernel.slice(0, units), activation: 'tanh' as const };
    });
    this.take({ workload: 'any', network, lossBefore: 1, lossAfter: 1, backend: 'none', ms: 1 });
  }
}

const DETECTORS = [
  entry({
    make: () =>
      new Trained({
        features: Array.from({ length: WIDTH }, (_, i) => `f${i}`),
        limit: 128,
        least: 32,
        show: String,
      }),
    learn: (n) => Float64Array.from({ length: WIDTH }, (_, i) => 5 + Math.sin(n * 1.3 + i)),
    ask: [
      new Float64Array(WIDTH),
      new Float64Array(WIDTH).fill(Number.NaN),
      new Float64Array(WIDTH).fill(1e300),
    ],
    hostile: (n) =>
      Float64Array.from(
        { length: WIDTH },
        (_, i) => [Number.NEGATIVE_INFINITY, Number.NaN, -1e300 / n, 1 / 3][(i + n) % 4] ?? 0,
      ),
  }),
  entry({
    make: () => new DnsLabels({ learnWindows: 6 }),
    learn: (n) => (n % 3 === 0 ? null : { domain: `d${n % 5}.example`, bits: 500 + n }),
    ask: [
      null,
      { domain: 'd1.example', bits: 700 },
      { domain: 'never.example', bits: 1e5 },
      { domain: '', bits: 0 },
    ],
    hostile: (n) => ({ domain: `${n}\\000.`.repeat(60), bits: [1e300, 1e15, 4096, 3e9][n % 4] ?? 0 }),
  }),
  entry({
    make: () =>
      new Volume({
        features: Array.from({ length: 40 }, (_, i) => `f${i}`),
        show: (_, value) => value.toFixed(2),
      }),
    learn: (n) => Float64Array.from({ length: 40 }, (_, i) => 5 + Math.sin(n * 1.3 + i)),
    ask: [new Float64Array(40), new Float64Array(40).fill(Number.NaN), new Float64Array(40).fill(1e300)],
    hostile: (n) =>
      Float64Array.from(
        { length: 40 },
        (_, i) =>
          [2 ** ((n * 7 + i) % 17), Number.NaN, -1e300 / n, 2 ** -((n + i) % 11), Infinity][(i + n) % 5] ?? 0,
      ),
  }),
  entry({
    make: () =>
      new Surge(
        Array.from({ length: 8 }, (_, i) => ({ name: `n${i}`, material: 2 ** i, show: String })),
        { name: '', material: 100, show: String },
      ),
    learn: (n): SurgeWindow => ({
      rates: new Map([...'01234567'].map((i) => [`n${i}`, (n + Number(i)) % 7])).set(sentTo('db'), n % 5),
      ended: new Map([...'01234567'].map((i) => [`n${i}`, (n + Number(i)) % 9 === 0 ? n % 50 : 0])),
    }),
    ask: [
      { open: new Map(), node: { windows: 0, records: 0, octaves: 0 } },
      {
        open: new Map([['n3', 1e7]]).set(sentTo('db'), 1e9),
        node: { windows: 9000, records: 3, octaves: 2 },
      },
      {
        open: new Map([...'012'].map((i) => [`n${i}`, [Number.NaN, Infinity, -1e300][Number(i)] ?? 0])),
        node: { windows: 2 ** 52, records: 0, octaves: 0 },
      },
    ],
    hostile: (n) => ({
      rates: new Map(
        Array.from({ length: 60 }, (_, i) => [
          i < 8 ? `n${i}` : sentTo(`${'\u0000"é'.repeat(n % 40)}${n}/${i}`),
          [1e300, Number.NaN, -1, Infinity, 1 / 3][(i + n) % 5] ?? 0,
        ]),
      ),
      ended: new Map(
        Array.from({ length: 8 }, (_, i) => [
          `n${i}`,
          [2 ** n, Infinity, Number.NaN, -1e300][(i + n) % 4] ?? 0,
        ]),
      ),
    }),
  }),
  entry({
    make: () => new Runs(),
    learn: (n) => ({
      startMs: 1_700_000_000_000 + n * 60_000,
      lifetimeMs: 8000 + (n % 5) * 100,
      finished: true,
    }),
    ask: [
      { startMs: 1_700_000_000_000, lifetimeMs: 0, finished: null },
      { startMs: 1_900_000_013_000, lifetimeMs: 1e300, finished: false },
      { startMs: Number.NaN, lifetimeMs: Number.NaN, finished: null },
    ],
    hostile: (n) => ({
      startMs: [1e300, Number.NaN, -1, n * 9e14][n % 4] ?? 0,
      lifetimeMs: [1e300, Number.NaN, -1e300, Infinity, 3e10][n % 5] ?? 0,
      finished: [true, false, null][n % 3] ?? null,
    }),
  }),
  entry<AccessLearnt, AccessWindow>({
    make: () => new Access(),
    learn: (n) => {
      const sums = [n % 3, n % 3, n % 3];
      const door = { kind: 'accept', name: '22', sums, tries: 9, short: n % 3, bytes: 5000 + n } as const;
      return { ended: [true, n % 12 === 0, n % 120 === 0], doors: [door] };
    },
    ask: [
      { doors: [] },
      { doors: [{ kind: 'accept', name: '22', sums: [40, 60, 90], tries: 40, short: 40, bytes: 300 }] },
      { doors: [{ kind: 'scan', name: '', sums: [1e300, Infinity], tries: 0, short: 0, bytes: null }] },
    ],
    hostile: (n) => ({
      ended: [true, true, true],
      doors: Array.from({ length: 90 }, (_, i) => ({
        kind: DOOR_KINDS[(n + i) % DOOR_KINDS.length] ?? 'scan',
        name: `${'\u0000"é'.repeat(n % 40)}${n}/${i}`,
        sums: [2 ** ((n * 7 + i) % 60), 1e300, (n * i) % 977],
        tries: 2 ** ((n + i) % 80),
        short: n,
        bytes: [1e300, 0, null, 2 ** (n % 40)][i % 4] ?? null,
      })),
    }),
  }),
  entry({
    make: () => new Replica(),
    learn: (n) => ({
      siblings: 2,
      numbers: (n % 5) / 4,
      facts: n % 3,
      wherein: ['syscalls 9/s, siblings 3/s'],
    }),
    ask: [
      { siblings: 1, numbers: 0, facts: 0, wherein: [] },
      { siblings: 2, numbers: 9, facts: 30, wherein: Array.from({ length: 40 }, String) },
      { siblings: 2, numbers: Infinity, facts: 1e300, wherein: [] },
    ],
    hostile: (n) => ({
      siblings: n,
      numbers: [1e300, Number.NaN, -1, 2 ** (n % 40)][n % 4] ?? 0,
      facts: 2 ** (n % 70),
      wherein: ['\u0000"é'.repeat(n)],
    }),
  }),
  entry({
    make: () => new Rarity({ limit: 1000, maxBytes: 64 * 1024, learnPeriods: 6 }),
    learn: (n) => [`x${n % 3}`, `y${n}`],
    ask: ['x1', 'y1', 'never', ''],
    hostile: (n) => Array.from({ length: 40 }, (_, i) => `${'\u0000"é'.repeat(n % 40)}${n}/${i}`),
  }),
  entry({
    make: () => new TraceDetector(),
    learn: (n) => ({ calls: Array.from({ length: 20 + (n % 13) }, (_, i) => (i * (1 + (n % 3))) % 7) }),
    ask: [{ calls: [0, 1, 2, 3, 4] }, { calls: ['never', 'seen'] }, { calls: [] }],
    hostile: (n) => ({
      calls: Array.from({ length: 60 }, (_, i) => `${'\u0000"é'.repeat(n % 5)}${n}/${i}`),
      facts: [[`${n} ${'é"'.repeat(n)}`]],
      group: '\u0000',
    }),
  }),
];

/** Periods after which every detector of the list judges. */
const PERIODS = 200;
const HOSTILE = 300;

test('every file of agent/models with a detector is in the list', () => {
  const folder = join(import.meta.dirname, '../../../agent/models');
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => /class \w+[^{]* implements Detector\b/.test(readFileSync(join(folder, file), 'utf8')));
  expect(found).toHaveLength(DETECTORS.length);
  expect(new Set(DETECTORS.map(({ name }) => name)).size).toBe(DETECTORS.length);
});

describe.each(DETECTORS)('$name', ({ name, make }) => {
  test('has a name that fits a metric label and a bound', () => {
    expect(name).toMatch(/^[a-z][a-z-]*$/);
    expect(make().detector.maxBytes).toBeGreaterThan(0);
  });

  test('says that it knows nothing before it has learnt', () => {
    for (const score of make().scores()) {
      expect(score.state).toBe('unknown');
      if (score.state === 'unknown') expect(score.reason).not.toBe('');
    }
  });

  test('learn returns nothing; score changes nothing, stays within 0 and 1 and says why', () => {
    const made = make();
    for (let n = 0; n < PERIODS; n++) expect(made.learn(n)).toBeUndefined();
    const before = made.text();
    const scores = made.scores();
    expect(scores.some(({ state }) => state === 'scored')).toBe(true);
    for (const score of scores) {
      if (score.state === 'unknown') continue;
      expect(score.score >= 0 && score.score <= 1).toBe(true);
      expect(score.reason).not.toBe('');
      expect(score.parts.length).toBeLessThanOrEqual(MAX_PARTS);
      for (const { share } of score.parts) expect(share >= 0 && share <= 1).toBe(true);
    }
    expect(made.text()).toBe(before);
    expect(made.scores()).toEqual(scores);
  });

  test('the same history gives the same detector, and a loaded one goes on like the saved one', () => {
    const [one, two, copy] = [make(), make(), make()];
    for (let n = 0; n < PERIODS; n++) for (const each of [one, two]) each.learn(n);
    expect(two.text()).toBe(one.text());
    copy.detector.load(JSON.parse(one.text()));
    for (let n = PERIODS; n < PERIODS + 20; n++) for (const each of [one, copy]) each.learn(n);
    expect(copy.text()).toBe(one.text());
    expect(copy.scores()).toEqual(one.scores());
  });

  test('refuses what is no saved detector and keeps what it has', () => {
    const made = make();
    for (let n = 0; n < PERIODS; n++) made.learn(n);
    const before = made.text();
    for (const saved of [null, 7, '', [], {}, { [name]: true }])
      expect(() => made.detector.load(saved)).toThrow(TypeError);
    expect(made.text()).toBe(before);
  });

  test('stays within its bytes whatever it is made to learn, and goes on to judge', () => {
    const made = make();
    for (let n = 0; n < PERIODS; n++) made.learn(n);
    for (let n = 0; n < HOSTILE; n++) {
      made.hostile(n);
      if (n % 20 === 0) expect(Buffer.byteLength(made.text())).toBeLessThanOrEqual(made.detector.maxBytes);
    }
    for (const score of made.scores())
      if (score.state === 'scored') expect(Number.isFinite(score.score)).toBe(true);
  });
});
