import { expect, test } from 'vitest';
import { Level } from '../../../../agent/models/volume/level.ts';
import { lots, normal } from './lots.ts';

test('is the plain mean at first', () => {
  const level = new Level({ halfLife: 1000, clip: null });
  for (const value of [2, 4, 9]) level.follow(value);
  expect(level.value).toBeCloseTo(5, 12);
});

test('forgets half in its half-life', () => {
  const level = new Level({ halfLife: 10, clip: null });
  for (let i = 0; i < 1000; i++) level.follow(0);
  for (let i = 0; i < 10; i++) level.follow(1);
  expect(level.value).toBeCloseTo(0.5, 6);
});

test('an outlier hardly moves a clipped level, a lasting change does', () => {
  const lot = lots(3);
  const [clipped, plain] = [new Level({ halfLife: 100, clip: 3 }), new Level({ halfLife: 100, clip: null })];
  for (let i = 0; i < 2000; i++) {
    const value = normal(lot);
    clipped.follow(value);
    plain.follow(value);
  }
  for (const level of [clipped, plain]) level.follow(1e6);
  expect(Math.abs(clipped.value)).toBeLessThan(1);
  expect(plain.value).toBeGreaterThan(1000);
  for (let i = 0; i < 2000; i++) clipped.follow(10);
  expect(clipped.value).toBeCloseTo(10, 0);
});

test('a loaded level goes on like the saved one', () => {
  const [one, two] = [new Level({ halfLife: 5, clip: 3 }), new Level({ halfLife: 5, clip: 3 })];
  for (let i = 0; i < 300; i++) one.follow(i % 7);
  two.load(JSON.parse(JSON.stringify(one.save())));
  for (const level of [one, two]) level.follow(50);
  expect(two.save()).toEqual(one.save());
  expect(() => two.load([1, 2])).toThrow(TypeError);
});
