import { expect, test } from 'vitest';
import { TRIAL } from '../../../../agent/models/care/beside.ts';
import { Care, STALE_MS } from '../../../../agent/models/care/care.ts';
import { BLOCK } from '../../../../agent/models/care/drift.ts';
import { CALIBRATION, History } from '../../../../agent/models/evidence/history.ts';

const window = (wallMs: number, learnt = true, complete = true) => ({ wallMs, learnt, complete });

test('a workload is stale when it runs on for a day and nothing of it is accepted', () => {
  const care = new Care();
  care.window(window(1000));
  care.window(window(1000 + STALE_MS - 1, false));
  expect([care.stale, care.bornMs, care.learntMs]).toEqual([false, 1000, 1000]);
  care.window(window(1000 + STALE_MS, false));
  expect(care.stale).toBe(true);
  care.window(window(2000 + STALE_MS));
  expect(care.stale).toBe(false);
});

test('one that loses records in a fifth of its windows is hardly seen, of which a few windows say nothing', () => {
  const care = new Care();
  for (let n = 0; n < 50; n++) care.window(window(n, true, false));
  expect([care.blind, care.lossy]).toEqual([false, 1]);
  for (let n = 0; n < 200; n++) care.window(window(n, true, n % 4 !== 0));
  expect(care.blind).toBe(true);
  for (let n = 0; n < 2000; n++) care.window(window(n));
  expect(care.blind).toBe(false);
});

test('what was told and what became of models is remembered within bounds, over restarts', () => {
  const care = new Care();
  care.window(window(5));
  for (let n = 0; n < 40; n++) {
    care.tell(`detector-${n}`);
    care.score(`detector-${n}`, 1);
    care.changed('shape', 'dropped', 'rule');
  }
  care.changed(CALIBRATION, 'promoted', 'person');
  expect([care.told.size, care.drifts.size, care.changes.length]).toEqual([24, 8, 16]);
  expect(care.changes.at(-1)).toEqual([CALIBRATION, 'promoted', 'person', 5]);
  const other = new Care();
  const saved = JSON.parse(JSON.stringify(care.save()));
  other.load(saved);
  expect(other.save()).toEqual(saved);
  for (const broken of [
    null,
    {},
    { ...saved, times: [-1, 0, 0] },
    { ...saved, changes: [['shape', 'bought', 'rule', 1]] },
  ])
    expect(() => new Care().load(broken)).toThrow(TypeError);
});

/** Usual windows: bits by how often each comes, with so many more. */
function lived(history: History, windows: number, more: number): void {
  for (let n = 0; n < windows; n++) history.learn((n % 16 === 0 ? 4 : 0) + more);
}

test('evidence that is spread otherwise leads to a newer calibration, compared and promoted when it tells no more', () => {
  const history = new History();
  lived(history, BLOCK, 0);
  lived(history, 2 * BLOCK, 2);
  expect([history.care.drifts.get(CALIBRATION)?.drifted, history.versions.gathered !== null]).toEqual([
    true,
    true,
  ]);
  lived(history, BLOCK, 2);
  expect(history.versions.beheld?.place).toBe('candidate');
  const old = history.tail;
  lived(history, TRIAL, 2);
  expect(history.care.changes.map(([model, change, by]) => [model, change, by])).toEqual([
    [CALIBRATION, 'promoted', 'rule'],
  ]);
  expect([history.tail === old, history.versions.beheld?.place]).toEqual([false, 'previous']);
  expect([history.versions.rollBack(), history.tail === old]).toEqual([true, true]);
});

test('a calibration that would look away from high evidence is not promoted by itself, but may be by a person', () => {
  const history = new History();
  lived(history, 4 * BLOCK, 0);
  expect(history.versions.renew()).toBe(true);
  for (let n = 0; n < BLOCK; n++) history.learn(n % 2 === 0 ? 5 : 0);
  const candidate = history.versions.beheld;
  expect(candidate?.place).toBe('candidate');
  for (let n = 0; n < TRIAL; n++) history.learn(0);
  expect(history.care.changes.map(([, change]) => change)).toEqual(['dropped']);
});

const dropped = ({ care }: History): number =>
  care.changes.filter(([, change]) => change === 'dropped').length;

/** Windows after each of which a candidate was dropped, of `windows` whose spread stays other. */
function dropsOf(history: History, windows: number): number[] {
  const drops: number[] = [];
  let known = dropped(history);
  for (let n = 0; n < windows; n++) {
    // While it is gathered half of all windows say something; while it is compared few do: it would look away.
    history.learn(history.versions.beheld === null && n % 2 === 0 ? 7 : 2);
    if (dropped(history) > known) drops.push(n);
    known = dropped(history);
  }
  return drops;
}

test('a calibration that was dropped is tried again later each time, over restarts too, and at once when a person asks', () => {
  const history = new History();
  lived(history, 20 * BLOCK, 0);
  const drops = dropsOf(history, 16 * BLOCK);
  const pauses = drops.slice(1).map((at, i) => at - (drops[i] ?? 0));
  expect([drops.length, pauses.every((pause, i) => pause >= BLOCK * 2 ** (i + 1))]).toEqual([3, true]);
  const other = new History();
  other.load(JSON.parse(JSON.stringify(history.save())));
  expect(dropsOf(other, BLOCK)).toEqual([]);
  expect([other.versions.gathered, other.versions.renew(), other.versions.gathered]).toEqual([null, true, 0]);
});

test('calibrations are kept over a restart, and what earlier versions saved is taken', () => {
  const history = new History();
  lived(history, 3 * BLOCK, 1);
  history.versions.renew();
  lived(history, BLOCK + 10, 1);
  const saved = JSON.parse(JSON.stringify(history.save()));
  const other = new History();
  other.load(saved);
  expect(other.save()).toEqual(saved);
  const { care: _, versions: __, ...before } = saved;
  const old = new History();
  old.load(before);
  expect([old.tail.save(), old.versions.beheld]).toEqual([history.tail.save(), null]);
});
