import { expect, test } from 'vitest';
import { ABLATIONS_HEADER, ablationRow, variantsOf } from '../../../cli/evaluate/range/ablations.ts';
import { costCells, NO_COSTS, together } from '../../../cli/evaluate/range/costs.ts';
import { score, type Told } from '../../../cli/evaluate/range/score.ts';
import { type Truth, truthOf } from '../../../cli/evaluate/range/truth.ts';

const OLD = 'a'.repeat(64);
const NEW = 'b'.repeat(64);
const lines = (...values: object[]): string => values.map((value) => JSON.stringify(value)).join('\n');
const attack = (container: string, wall: number, variant: string): object => ({
  name: `on-${container[0]}`,
  variant,
  outcome: 'done',
  container_id: container,
  start: { wall },
  end: { wall: wall + 5 },
});
const begin = (id: string, wall: number): object => ({ event: 'start', container_id: id, pod: id[0], wall });

/** Learnt from 0 to 1000; one container from the start and one from 1100 on, each attacked once. */
const TRUTH: Truth = truthOf({
  session: lines({ event: 'up', wall: 0 }, { event: 'learn-end', wall: 1000 }, { event: 'down', wall: 4600 }),
  lifecycle: lines(begin(OLD, 5), begin(NEW, 1100)),
  labels: lines(attack(OLD, 1200, 'plain'), attack(NEW, 2000, 'mimicry')),
  benign: '',
});
const told = (time: number, container: string): Told => ({
  kind: 'alert',
  id: String(time),
  time,
  at: time,
  container,
  pid: 0,
  exe: '',
  detectors: ['rarity'],
  summary: '',
  fact: '',
  severity: 'high',
  score: 0.5,
  alert: String(time),
  tail: null,
});

const views = variantsOf((name) => name === 'secret-read').flatMap((variant) =>
  variant.views.map((view) => ({ ...view, detector: variant.detector, options: variant.options(TRUTH) })),
);
const find = (name: string): (typeof views)[number] => {
  const found = views.find((view) => view.name === name);
  if (found === undefined) throw new Error(`no variant ${name}`);
  return found;
};

test('a detector alone has all others on trial, rules are one of them, and without it it alone is', () => {
  const { onTrial: rules } = find('rules alone').options;
  expect(['secret-read', 'rarity', 'volume'].map((name) => rules?.(name))).toEqual([false, true, true]);
  const { onTrial: volume } = find('without volume').options;
  expect(['secret-read', 'rarity', 'volume'].map((name) => volume?.(name))).toEqual([false, false, true]);
  expect(new Set(views.map(({ name }) => name)).size).toBe(views.length);
});

test('short learning, attacks while it learns and other images begin when they should', () => {
  expect(find('learning 2 min').options).toEqual({ from: 880 });
  expect(find('while it learns').options).toEqual({ from: 1000 });
  expect(find('other images').options).toEqual({ imagesFrom: 1000 });
  expect(find('all restarted').options).toEqual({ restartAt: 1000 });
  expect(find('restarted, other images').options).toEqual({ imagesFrom: 1000, restartAt: 1000 });
  expect(find('as shipped').options).toEqual({});
});

test('each view scores its part of the time and of the containers', () => {
  const alerts = [told(1201, OLD), told(3000, OLD), told(3001, NEW)];
  const row = (name: string): string[] => {
    const scored = [score(find(name).truth(TRUTH), alerts)];
    return ablationRow(name, scored, { cpuSeconds: 1, seconds: 100 }).slice(24).trim().split(/ +/);
  };
  expect(row('as shipped')).toEqual(['1/2', '1/1', '0/0', '0/1', '2', '2.0', '1.00']);
  expect(row('begun after learning').slice(0, 5)).toEqual(['0/1', '0/0', '0/0', '0/1', '1']);
  expect(row('while it learns').slice(0, 5)).toEqual(['1/1', '1/1', '0/0', '0/0', '0']);
  expect(row('learnt under attack').slice(0, 5)).toEqual(['0/1', '0/0', '0/0', '0/1', '2']);
  expect(ABLATIONS_HEADER.trim().split(/ +/).slice(0, 2)).toEqual(['found', 'plain']);
});

test('beside a detector stands what it takes for a window and a workload, of all recordings; of what is not measured nothing', () => {
  const one = {
    windows: 100,
    workloads: 2,
    nanoseconds: new Map([
      ['volume', 2e6],
      ['rule', 1e6],
    ]),
    bytes: new Map([['volume', 4096]]),
  };
  const costs = together(together(NO_COSTS, one), one);
  expect(['volume', 'rhythm', 'rules', 'session-reach'].map((name) => costCells(name, costs))).toEqual([
    ['20.0', '2.0'],
    ['20.0', '2.0'],
    ['10.0', '-'],
    ['-', '-'],
  ]);
  const row = ablationRow('volume alone', [], { cpuSeconds: 1, seconds: 100 }, costCells('volume', costs));
  expect(row.split(/\s+/).slice(-3)).toEqual(['1.00', '20.0', '2.0']);
  expect(find('volume alone').detector).toBe('volume');
});
