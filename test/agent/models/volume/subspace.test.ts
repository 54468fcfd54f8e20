import { expect, test } from 'vitest';
import { eigenOf } from '../../../../agent/models/volume/eigen.ts';
import { Subspace } from '../../../../agent/models/volume/subspace.ts';
import { lots, normal } from './lots.ts';

test('eigenvalues and vectors give the matrix back', () => {
  const size = 6;
  const lot = lots(5);
  const matrix = new Float64Array(size * size);
  for (let p = 0; p < size; p++)
    for (let q = 0; q <= p; q++) matrix[p * size + q] = matrix[q * size + p] = normal(lot);
  const { values, vectors } = eigenOf(matrix, size);
  for (let p = 0; p < size; p++)
    for (let q = 0; q < size; q++) {
      let sum = 0;
      for (let k = 0; k < size; k++)
        sum += (values[k] ?? 0) * (vectors[p * size + k] ?? 0) * (vectors[q * size + k] ?? 0);
      expect(sum).toBeCloseTo(matrix[p * size + q] ?? 0, 8);
    }
});

/** Four metrics that rise and fall together, and a little noise. */
function rowAt(lot: () => number): Float64Array {
  const load = 5 * normal(lot);
  return Float64Array.from([1, 2, -1, 3], (factor) => factor * load + 0.1 * normal(lot));
}

function taught(rows: number): Subspace {
  const subspace = new Subspace(4);
  const lot = lots(11);
  for (let i = 0; i < rows; i++) subspace.learn(rowAt(lot));
  return subspace;
}

test('a row that breaks the relation lies outside, a large one that keeps it lies far within', () => {
  const subspace = taught(2000);
  const usual = subspace.distances(Float64Array.of(5, 10, -5, 15));
  const broken = subspace.distances(Float64Array.of(5, 10, 5, 15));
  const large = subspace.distances(Float64Array.of(20, 40, -20, 60));
  expect(broken.outside).toBeGreaterThan(10 * usual.outside);
  expect(large.within).toBeGreaterThan(10 * usual.within);
  expect(large.outside).toBeLessThan(broken.outside);
});

test('what is not known is taken as usual', () => {
  const subspace = taught(2000);
  const { outside } = subspace.distances(Float64Array.of(Number.NaN, Number.NaN, Number.NaN, Number.NaN));
  expect(outside).toBe(0);
});

test('a metric that never varied and now does counts', () => {
  const subspace = new Subspace(3);
  const lot = lots(2);
  for (let i = 0; i < 200; i++) subspace.learn(Float64Array.of(normal(lot), normal(lot), 7));
  expect(subspace.distances(Float64Array.of(0, 0, 8)).outside).toBeGreaterThan(2.5);
});

test('a loaded subspace goes on like the saved one', () => {
  const one = taught(300);
  const two = new Subspace(4);
  two.load(JSON.parse(JSON.stringify(one.save())));
  const lot = lots(4);
  for (let i = 0; i < 300; i++) {
    const row = rowAt(lot);
    one.learn(row);
    two.learn(row);
  }
  expect(JSON.stringify(two.save())).toBe(JSON.stringify(one.save()));
  expect(() => new Subspace(5).load(one.save())).toThrow(TypeError);
});
