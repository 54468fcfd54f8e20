/** The shape model in the pipeline: what it learns, when a network is asked for, and what becomes of one that comes. */
import { expect, test } from 'vitest';
import type { Frame } from '../../agent/events/frame.ts';
import { widthsOf } from '../../agent/models/shape/training.ts';
import { API, ordinary, shop } from '../builders/shop.ts';
import { makePipeline, run, SETTINGS, type World } from '../builders/world.ts';

function days(windows: number): World {
  const world = shop();
  for (let n = 0; n < windows; n++) {
    ordinary(world);
    world.tick();
  }
  return world;
}

/** As a training process tells it, of as many features as were handed over. */
function networkFrame(workload: string, width: number): Frame {
  let inputs = width;
  const network = widthsOf(width).map((units) => {
    const layer = { kernel: Array(inputs * units).fill(0), bias: Array(units).fill(0), activation: 'tanh' };
    inputs = units;
    return layer;
  });
  const text = JSON.stringify({ workload, network, lossBefore: 1, lossAfter: 0.5, backend: 'wasm', ms: 9 });
  return { kind: 'network', text };
}

test('a network is asked for once there are enough clean windows, of all replicas together', () => {
  const early = run(days(20)).told.training.filter(({ workload }) => workload === API);
  const later = run(days(30)).told.training.filter(({ workload }) => workload === API);
  expect([early.length, later.length]).toEqual([0, 1]);
  expect(later[0]?.rows).toHaveLength(36);
  expect(run(days(30)).told.training).toEqual(run(days(30)).told.training);
});

test('windows with loss, and those in which something was called anomalous, are no part of it', () => {
  const world = shop();
  for (let n = 0; n < 60; n++) {
    ordinary(world);
    world.tick({ lost: { 2: 1, 3: 1 } });
  }
  expect(run(world).told.training.filter(({ workload }) => workload === API)).toEqual([]);
});

test('a network that comes back is used and kept with the baseline', () => {
  const { pipeline, told } = makePipeline();
  for (const frame of days(30).frames) pipeline.frame(frame);
  const width = told.training[0]?.rows[0]?.length ?? 0;
  expect(width).toBeGreaterThan(30);
  pipeline.frame(networkFrame(API, width));
  const document = [...pipeline.registry.documents()].find((text) => text.includes(API)) ?? '';
  const other = makePipeline().pipeline;
  other.frame({ kind: 'baseline', text: document });
  expect(other.registry.baseline(API).shape.save()).toEqual(pipeline.registry.baseline(API).shape.save());
  expect(other.registry.baseline(API).shape.save().trained?.backend).toBe('wasm');
});

test.each([
  ['no JSON', 'network'],
  ['nothing', '{}'],
  ['a network of another size', String((networkFrame(API, 4) as { text: string }).text)],
])('a reply that is %s is counted, and nothing is taken', (_, text) => {
  const { pipeline } = makePipeline();
  for (const frame of days(30).frames) pipeline.frame(frame);
  pipeline.frame({ kind: 'network', text });
  expect(pipeline.counts().malformed).toEqual({ network: 1 });
  expect(pipeline.registry.baseline(API).shape.save().trained).toBeNull();
});

test('a network that nobody asked for is left', () => {
  const { pipeline, told } = makePipeline();
  for (const frame of days(30).frames) pipeline.frame(frame);
  pipeline.frame(networkFrame('c1/shop/Deployment/other/other', told.training[0]?.rows[0]?.length ?? 0));
  expect(pipeline.registry.baseline(API).shape.save().trained).toBeNull();
});

/** One input and one output of the narrow middle follow each other; nothing else is known. */
function zeroNetwork(workload: string, width: number): Frame {
  const layer = { kernel: Array(width * width).fill(0), bias: Array(width).fill(0), activation: 'linear' };
  const text = JSON.stringify({
    workload,
    network: [layer],
    lossBefore: 1,
    lossAfter: 1,
    backend: 'wasm',
    ms: 1,
  });
  return { kind: 'network', text };
}

test('a window whose numbers are far off is told with what differs, and is not learnt', () => {
  const world = days(60);
  const at = world.frames.length;
  for (let n = 0; n < 3; n++) {
    ordinary(world);
    world.tick({ calls: { 2: n === 1 ? [0, 1, 41, 42, 43, 49, 50, 56, 59, 101] : [0, 1] } });
  }
  const { pipeline, told } = makePipeline();
  for (const [i, frame] of world.frames.entries()) {
    if (i === at) pipeline.frame(zeroNetwork(API, told.training[0]?.rows[0]?.length ?? 0));
    pipeline.frame(frame);
  }
  const learnt = pipeline.registry.baseline(API).shape.learnt;
  const shapes = told.detections.filter(({ detector }) => detector === 'shape');
  expect(shapes).toHaveLength(1);
  expect(shapes[0]?.summary).toMatch(/^unusual numbers of a window: .*calls\/\w+ [\d.]+/);
  expect(shapes[0]?.bits).toBeGreaterThanOrEqual(8);
  expect(learnt).toBe(125);
});

test('on trial it is told, and no alert stands on it', () => {
  const told = (shadow: ReadonlySet<string>) => {
    const world = days(60);
    const at = world.frames.length;
    for (let n = 0; n < 3; n++) {
      ordinary(world);
      world.tick({ calls: { 2: [0, 1, 41, 42, 43, 49, 50, 56, 59, 101] } });
    }
    const made = makePipeline({ settings: { ...SETTINGS, shadow } });
    for (const [i, frame] of world.frames.entries()) {
      if (i === at) made.pipeline.frame(zeroNetwork(API, made.told.training[0]?.rows[0]?.length ?? 0));
      made.pipeline.frame(frame);
    }
    return made.told.detections.filter(({ detector }) => detector === 'shape');
  };
  const [serious, onTrial] = [told(new Set()), told(new Set(['shape']))];
  expect(onTrial).toHaveLength(serious.length);
  expect(serious[0]).toMatchObject({ severity: 'low', bits: 12 });
  expect(onTrial[0]).toMatchObject({ severity: 'info', bits: 0 });
  expect(onTrial[0]?.facts).toMatchObject({ trial: 'worth 12.0 bits' });
});

test('a window that is strange by its numbers alone is not learnt either', () => {
  const learnt = (calls: readonly number[]) => {
    const world = days(60);
    const at = world.frames.length;
    ordinary(world);
    world.tick({ calls: { 2: calls } });
    const { pipeline, told } = makePipeline();
    for (const [i, frame] of world.frames.entries()) {
      if (i === at) pipeline.frame(zeroNetwork(API, told.training[0]?.rows[0]?.length ?? 0));
      pipeline.frame(frame);
    }
    const shapes = told.detections.filter(({ detector }) => detector === 'shape').length;
    return { shapes, learnt: pipeline.registry.baseline(API).shape.learnt };
  };
  const [usual, silent] = [learnt([0, 1]), learnt([])];
  expect([usual.shapes, silent.shapes]).toEqual([0, 1]);
  expect(silent.learnt).toBe(usual.learnt - 1);
});

/** The shop with a network that speaks, and a newer one beside it after `at` windows more. */
function retrained(windows: number, candidate: (width: number) => Frame, after: (world: World) => void) {
  const world = days(60);
  const at = world.frames.length;
  for (let n = 0; n < windows; n++) {
    ordinary(world);
    world.tick();
  }
  after(world);
  const { pipeline, told } = makePipeline();
  const width = (): number => told.training[0]?.rows[0]?.length ?? 0;
  let asked = 0;
  for (const [i, frame] of world.frames.entries()) {
    if (i === at) pipeline.frame(zeroNetwork(API, width()));
    const own = told.training.filter(({ workload }) => workload === API).length;
    if (i > at && own > asked) pipeline.frame(candidate(width()));
    asked = own;
    pipeline.frame(frame);
  }
  return { pipeline, told };
}

const strange = (world: World): void => {
  for (let n = 0; n < 3; n++) {
    ordinary(world);
    world.tick({ calls: { 2: [0, 1, 41, 42, 43, 49, 50, 56, 59, 101] } });
  }
};

test('a network that is trained anew is compared with the one that speaks, which alone tells', () => {
  const { pipeline, told } = retrained(50, (width) => networkFrame(API, width), strange);
  const { shape, history } = pipeline.registry.baseline(API);
  expect([shape.beheld?.place, history.care.changes]).toEqual(['candidate', []]);
  expect(shape.beheld?.comparison.windows).toBeGreaterThan(10);
  const alone = retrained(50, (width) => zeroNetwork('c1/shop/Deployment/other/other', width), strange);
  const shapes = ({ detections }: typeof told) =>
    detections.filter(({ detector }) => detector === 'shape').map(({ facts, bits }) => [facts, bits]);
  expect(shapes(told)).toEqual(shapes(alone.told));
  expect(shapes(told).length).toBeGreaterThan(0);
});

test('it takes the place of the old one after its trial, and a person goes back', () => {
  const { pipeline } = retrained(
    120,
    (width) => networkFrame(API, width),
    () => undefined,
  );
  const { registry } = pipeline;
  const { shape, history } = registry.baseline(API);
  expect([shape.beheld?.place, history.care.changes[0]?.slice(0, 3)]).toEqual([
    'previous',
    ['shape', 'promoted', 'rule'],
  ]);
  const back = registry.changedModel(API, 'shape', 'rollback');
  expect(registry.changedModel(API, 'volume', 'rollback')).toEqual({
    problem: 'of volume no second version is kept: it is shape and calibration that have one',
  });
  expect(registry.changedModel('nobody', 'shape', 'rollback')).toBeNull();
  const before = shape.version;
  pipeline.frame({ kind: 'baseline', text: back !== null && 'text' in back ? back.text : '' });
  const after = registry.baseline(API);
  expect([after.shape.version === before, after.shape.beheld]).toEqual([false, null]);
  expect(after.history.care.changes.at(-1)?.slice(0, 3)).toEqual(['shape', 'rolled-back', 'person']);
  const card = pipeline.overview
    .models()
    .find(({ workload }) => workload === API)
    ?.models.find(({ model }) => model === 'shape');
  expect(card?.version).toBe(`1.${after.shape.version}`);
});

test('both networks are kept over a restart, and score as before', () => {
  const { pipeline } = retrained(
    50,
    (width) => networkFrame(API, width),
    () => undefined,
  );
  const saved = JSON.parse(JSON.stringify(pipeline.registry.baseline(API).shape.save()));
  const other = makePipeline().pipeline.registry.baseline(API).shape;
  other.load(saved);
  expect(other.save()).toEqual(saved);
  expect(other.promote()).toBe(true);
  expect(pipeline.registry.baseline(API).shape.promote()).toBe(true);
  expect(other.version).toBe(pipeline.registry.baseline(API).shape.version);
});

test('a baseline that is pinned changes none of its models, and takes no network', () => {
  const { pipeline, told } = makePipeline();
  const { frames } = days(90);
  const models = (): string => {
    const { shape, history, labels } = pipeline.registry.baseline(API);
    return JSON.stringify([shape.save(), history.tail.save(), history.versions.save(), labels.save()]);
  };
  let pinned = '';
  for (const [i, frame] of frames.entries()) {
    if (i === Math.floor(frames.length / 2)) {
      pipeline.registry.baseline(API).pinned = true;
      pinned = models();
      pipeline.frame(networkFrame(API, told.training[0]?.rows[0]?.length ?? 0));
    }
    pipeline.frame(frame);
  }
  expect(told.training.length).toBeGreaterThan(0);
  expect(models()).toBe(pinned);
});
