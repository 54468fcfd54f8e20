import { expect, test } from 'vitest';
import { Rhythm } from '../../../../agent/models/volume/rhythm.ts';
import { lots } from './lots.ts';

function called(gap: (i: number) => number, calls = 20): Rhythm {
  const rhythm = new Rhythm();
  let at = 1000;
  for (let i = 0; i < calls; i++) {
    rhythm.call('p', at);
    at += gap(i);
  }
  return rhythm;
}

test('even calls have many bits, with jitter fewer, by chance hardly any', () => {
  const lot = lots(3);
  const strict = called(() => 60).score('p');
  const jitter = called(() => 60 * (0.8 + 0.4 * lot())).score('p');
  const chance = Array.from({ length: 200 }, () => called(() => -60 * Math.log(lot())).score('p')?.bits ?? 0);
  expect(strict?.every).toBe(60);
  expect(strict?.bits).toBeGreaterThan(30);
  expect(jitter?.bits).toBeGreaterThan(8);
  expect(chance.filter((bits) => bits > 5).length).toBeLessThan(12);
});

test('says nothing of few calls, and takes calls of one moment as one', () => {
  expect(called(() => 60, 5).score('p')).toBeNull();
  expect(called(() => 0.1, 50).score('p')).toBeNull();
});

test('keeps 64 peers, whoever calls', () => {
  const rhythm = new Rhythm();
  for (let i = 0; i < 1000; i++) rhythm.call(`p${i}`, i);
  expect(rhythm.size).toBe(64);
});
