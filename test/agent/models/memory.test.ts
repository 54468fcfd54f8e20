/** What models are said to take, beside what the heap grows by. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Baseline } from '../../../agent/models/baseline.ts';
import { heapOf, memoryOf } from '../../../agent/models/memory.ts';

const OPTIONS = { learnWindows: 6, matureWindows: 20 };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function learnt(facts: number): Baseline {
  const baseline = new Baseline('c/ns/Deployment/web/web', OPTIONS);
  for (let n = 0; n < facts; n++) {
    const value = `r /srv/data/part-${n}`;
    baseline.learn({
      phase: 'steady',
      facts: [{ kind: 'folder', value }],
      flagged: [],
      withheld: false,
      complete: true,
    });
  }
  return baseline;
}

test('facts take what the heap grows by, within a factor of two', () => {
  const kept: Baseline[] = [];
  learnt(500);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 20; n++) kept.push(learnt(800));
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  const said = kept.reduce((sum, baseline) => sum + (memoryOf(baseline.save()).get('rarity') ?? 0), 0);
  expect(said / grown).toBeGreaterThan(0.5);
  expect(said / grown).toBeLessThan(2);
});

test('each detector is told apart, and what it learns is its own', () => {
  const [few, many] = [memoryOf(learnt(10).save()), memoryOf(learnt(100).save())];
  expect([...few.keys()].toSorted()).toEqual([
    'access',
    'dns-labels',
    'evidence',
    'rarity',
    'replica',
    'sequence',
    'shape',
    'surge',
    'volume',
  ]);
  const grew = [...many].filter(([name, bytes]) => bytes > (few.get(name) ?? 0)).map(([name]) => name);
  expect(grew).toEqual(['rarity']);
});

test('plain values take what V8 takes for them', () => {
  expect([heapOf(1), heapOf('abc'), heapOf([1, 2]), heapOf({ a: 1 }), heapOf(null)]).toEqual([
    0, 24, 40, 32, 0,
  ]);
});
