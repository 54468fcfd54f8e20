import { expect, test } from 'vitest';
import { Achieved } from '../../../../agent/models/evidence/achieved.ts';
import { Causes, type Item } from '../../../../agent/models/evidence/causes.ts';
import { calibrationOf, Evidence } from '../../../../agent/models/evidence/evidence.ts';
import { History } from '../../../../agent/models/evidence/history.ts';
import { type Rated, Rates } from '../../../../agent/models/evidence/rates.ts';
import { ScoreTail } from '../../../../agent/models/evidence/score-tail.ts';
import { ENOUGH, Tail } from '../../../../agent/models/evidence/tail.ts';

const item = (kind: string, bits: number): Item => ({ kind, bits, what: kind, detector: 'rarity' });

test('within a kind the strongest counts, further kinds by half, and causes do not add up', () => {
  const causes = new Causes();
  for (const bits of [3, 8, 5]) causes.add('a', item('exec', bits));
  causes.add('a', item('connect', 6));
  causes.add('b', item('exec', 10));
  expect([causes.bits, causes.items().length]).toEqual([8 + 6 / 2, 3]);
});

test('causes of one period are bounded', () => {
  const causes = new Causes();
  for (let n = 0; n < 1000; n++) causes.add(`c${n}`, item('exec', n / 100));
  expect(causes.items().length).toBeLessThanOrEqual(17);
  expect(causes.bits).toBeCloseTo(9.99, 5);
});

test('history takes off what was too bold, at or below the level, and nothing where it is silent', () => {
  const tail = new Tail();
  for (let n = 0; n < 1000; n++) tail.learn(0);
  expect(tail.excess(20)).toBe(0);
  for (let n = 0; n < 9; n++) tail.learn(10); // 10 of 1010 are 6.7 bits, not 10
  expect(tail.excess(10)).toBeCloseTo(10 + Math.log2(10 / 1010), 5);
  expect(tail.excess(30)).toBe(tail.excess(10));
  expect(tail.excess(6)).toBe(0);
});

test('one window that stayed below the budget takes little off later ones however strong it was; what comes back more', () => {
  const afterStrong = (times: number): number => {
    const tail = new Tail();
    for (let n = 0; n < 500; n++) tail.learn(0);
    for (let n = 0; n < times; n++) tail.learn(27);
    return tail.excess(40);
  };
  expect(afterStrong(1)).toBeLessThanOrEqual(2);
  expect(afterStrong(3)).toBeGreaterThan(afterStrong(1) + 0.9);
  expect(afterStrong(31)).toBeGreaterThan(afterStrong(1) + 3.5);
});

test('the workload’s own history counts once it suffices, that of the node until then', () => {
  const [own, pooled] = [new Tail(), new Tail()];
  for (let n = 0; n < 500; n++) pooled.learn(8);
  expect(calibrationOf(own, () => pooled)).toMatchObject({ by: 'pooled', periods: 500 });
  for (let n = 0; n < ENOUGH; n++) own.learn(0);
  expect(calibrationOf(own, () => pooled)).toMatchObject({ by: 'own', periods: ENOUGH });
  expect(calibrationOf(new Tail(), () => new Tail())).toMatchObject({ by: 'none', periods: 0 });
});

test('the bits of a score are the share of periods that scored as high', () => {
  const tail = new ScoreTail();
  for (let n = 0; n < 127; n++) tail.learn(n / 127);
  expect(tail.bits(1)).toBe(7);
  expect(tail.bits(0)).toBe(0);
  const copy = new ScoreTail();
  copy.load(JSON.parse(JSON.stringify(tail.save())));
  expect([copy.periods, copy.bits(0.5)]).toEqual([tail.periods, tail.bits(0.5)]);
});

test('a new kind of thing weighs more where the node shows that it is rare, and less where it is not', () => {
  const workload = (name: string, lonely: number, learnt: number): Rated => ({
    workload: name,
    recent: () => lonely,
    missed: () => 0,
    learnt: () => learnt,
  });
  const [quiet, calm, lively] = [workload('q', 0, 200), workload('c', 0, 2000), workload('l', 500, 2000)];
  const chance = (all: Rated[]): number => new Rates(() => all).chance(quiet, 'exec', 'steady', 1);
  expect(chance([quiet])).toBeCloseTo(12 / 124, 5); // nobody else: one half for two minutes
  expect(chance([quiet, calm])).toBeLessThan(0.0003);
  expect(chance([quiet, lively])).toBeGreaterThan(0.02);
  expect(chance([quiet, calm, lively])).toBe(chance([quiet, calm])); // one that is restless does not make all so
  const restless = workload('r', 100, 200);
  expect(new Rates(() => [restless, calm]).chance(restless, 'exec', 'steady', 1)).toBeGreaterThan(0.8);
});

test('a window with loss that is quiet changes nothing; what is told begins anew', () => {
  const none = calibrationOf(new Tail(), () => new Tail());
  const evidence = new Evidence();
  evidence.add('', item('exec', 15));
  evidence.end(none, true);
  const before = evidence.standing(none, 1000).total;
  evidence.end(none, false);
  expect(evidence.standing(none, 1000).total).toBe(before);
  expect(evidence.items()).toHaveLength(1);
  evidence.told();
  expect([evidence.items(), evidence.raw]).toEqual([[], 0]);
  expect(evidence.standing(none, 1000).total).toBeLessThan(before);
});

test('achieved: alarms per container-hour that was seen', () => {
  const achieved = new Achieved();
  for (let n = 0; n < 1440; n++) achieved.window(5_000_000_000n, n === 7 ? 1 : 0);
  expect([achieved.alarms, achieved.hours]).toEqual([1, 2]);
});

test('a history is saved and loaded whole, and refuses what is none', () => {
  const [history, copy] = [new History(), new History()];
  for (let n = 0; n < 50; n++) history.tail.learn(n % 7);
  history.scoresOf('volume').learn(0.4);
  history.achieved.window(5n, 1);
  const text = JSON.stringify(history.save());
  copy.load(JSON.parse(text));
  expect(JSON.stringify(copy.save())).toBe(text);
  for (const saved of [
    null,
    {},
    { tail: [], scores: [], achieved: [0, '0'] },
    { ...history.save(), scores: [[1, []]] },
  ])
    expect(() => new History().load(saved)).toThrow(TypeError);
});

test('what lasts weighs once: beyond what an alert stands on only what it came to since, and anew when it is another', () => {
  const evidence = new Evidence();
  const none = calibrationOf(new Tail(), () => new Tail());
  const told = (bits: number, again: boolean, lasts = 'CPU'): number => {
    evidence.add('numbers', { ...item('volume', bits), lasts, again });
    return evidence.raw;
  };
  expect(told(24, false)).toBe(24);
  evidence.told();
  expect([told(24, true), told(26, true)]).toEqual([0, 2]);
  evidence.end(none, true);
  expect(told(20, false, 'bytes sent')).toBe(20);
  evidence.end(none, true);
  expect(told(22, false)).toBe(22);
});

test('what an alert did not stand on is not taken back for what lasts', () => {
  const none = calibrationOf(new Tail(), () => new Tail());
  const total = (kind: string): number => {
    const evidence = new Evidence();
    evidence.add('numbers', { ...item('volume', 9), lasts: 'CPU' });
    evidence.end(none, true);
    evidence.add('p1', item(kind, 14));
    evidence.end(none, true);
    evidence.add('numbers', { ...item('volume', 12), lasts: 'CPU', again: true });
    return evidence.standing(none, 1000).total;
  };
  const fresh = new Evidence();
  fresh.add('numbers', item('volume', 12));
  expect(total('exec')).toBeGreaterThan(fresh.standing(none, 1000).total + 5);
});
