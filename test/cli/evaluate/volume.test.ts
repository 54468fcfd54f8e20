/** `picket evaluate metrics` and `flows` as people run them, on small files made here; and their figures. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { f1, falseEvents, segmentsFound, segmentsOf } from '../../../cli/evaluate/metrics-figures.ts';
import { runPicket } from '../run-picket.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'picket-volume-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, lines: readonly string[]): string {
  const path = join(dir, name);
  const text = `${lines.join('\n')}\n`;
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

interface Line {
  readonly id: number;
  readonly score: number;
  readonly alarm?: boolean;
}
const parsed = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

const calm = (i: number): number => 10 + Math.sin(i / 9) + ((i * 7919) % 13) / 13;

test('metrics: learns the training rows, one line per test row, an alarm where a metric leaves its range', async () => {
  const rows = Array.from({ length: 1500 }, (_, i) => {
    const split = i < 1000 ? 'train' : 'test';
    const a = i >= 1400 && i < 1420 ? 90 : calm(i);
    return `${split},${a > 50 ? 1 : 0},${a},${i === 700 ? '' : calm(i + 5)},3`;
  });
  const data = file('machine.csv.gz', ['split,label,m0,m1,m2', ...rows]);
  const out = join(dir, 'metrics.ndjson');
  const { code, error } = await runPicket([
    'evaluate',
    'metrics',
    '--train',
    data,
    '--test',
    data,
    '--out',
    out,
  ]);
  expect(error).toContain('1000 rows learnt, 500 judged');
  expect(code).toBe(0);
  const lines = parsed(out);
  expect(lines.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  const alarms = lines.filter(({ alarm }) => alarm).map(({ id }) => id);
  for (let i = 402; i < 418; i++) expect(alarms).toContain(i);
  expect(alarms.filter((id) => id < 400).length).toBeLessThan(8);
});

test('metrics --stream: scores one series as it comes, a lasting change once', async () => {
  const rows = Array.from({ length: 1200 }, (_, i) => `2026-01-01 ${i},${i >= 1000 ? 40 : calm(i)}`);
  const data = file('series.csv', ['timestamp,value', ...rows]);
  const out = join(dir, 'stream.ndjson');
  const { code } = await runPicket(['evaluate', 'metrics', '--stream', data, '--out', out]);
  expect(code).toBe(0);
  const scores = parsed(out).map(({ score }) => score);
  expect(scores).toHaveLength(1200);
  expect(scores.indexOf(Math.max(...scores))).toBe(1000);
  expect(scores.slice(1001, 1150).every((score) => score === 0)).toBe(true);
});

test('flows: an unanswered flood scores above all that was learnt', async () => {
  const head =
    'source_flow_id_encoded,source_source_ip,source_destination_ip,source_network_bytes,source_timestamp,label';
  const exchange = (s: number): string[] => [
    `1,10,20,${500 + (s % 7) * 90},${s * 1000},benign`,
    `2,20,10,${900 + (s % 5) * 90},${s * 1000 + 90},benign`,
  ];
  const seconds = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => from + i);
  const train = file('train.csv', [head, ...seconds(0, 1500).flatMap(exchange)]);
  const flood = Array.from({ length: 80 }, (_, i) => `3,99,20,60,${1_600_000 + i * 20},malicious`);
  const test = file('test.csv', [head, ...seconds(1500, 90).flatMap(exchange), ...flood]);
  const out = join(dir, 'flows.ndjson');
  const { code } = await runPicket(['evaluate', 'flows', '--train', train, '--test', test, '--out', out]);
  expect(code).toBe(0);
  const lines = parsed(out);
  expect(lines).toHaveLength(260);
  const most = Math.max(...lines.filter(({ id }) => id < 180).map(({ score }) => score));
  expect(lines.filter(({ id }) => id >= 190).every(({ score }) => score > most)).toBe(true);
});

test('says which column is missing and which line is odd', async () => {
  const bad = file('bad.csv', ['timestamp,speed', '1,2']);
  const odd = file('odd.csv', ['split,label,m0', 'train,0,1', 'train,0']);
  const [one, two] = await Promise.all([
    runPicket(['evaluate', 'metrics', '--stream', bad]),
    runPicket(['evaluate', 'metrics', '--train', odd, '--test', odd]),
  ]);
  expect(one.error).toContain('no column value; it has timestamp, speed');
  expect(two.error).toContain('odd.csv:3: 2 values under 3 names');
});

test('segments are runs of labelled rows; near false alarms are one event', () => {
  const labels = [0, 1, 1, 0, 0, 1].map((label) => label === 1);
  expect(segmentsOf(labels)).toEqual([
    [1, 2],
    [5, 5],
  ]);
  const scores = Array.from({ length: 60 }, (_, i) => ([5, 9, 15, 40].includes(i) ? 1 : 0));
  expect(falseEvents(scores, new Array<boolean>(60).fill(false), 0.5)).toBe(2);
});

test('counts the segments found while false events stay within what is allowed', () => {
  const labels = Array.from({ length: 200 }, (_, i) => (i >= 50 && i < 60) || (i >= 150 && i < 160));
  const scores = Array.from({ length: 200 }, () => 0);
  scores[55] = 9;
  scores[100] = 5;
  scores[155] = 3;
  scores[20] = 2;
  expect(segmentsFound(scores, labels, 0)).toEqual([1, 2]);
  expect(segmentsFound(scores, labels, 1)).toEqual([2, 2]);
});

test('F1 counts rows', () => {
  expect(f1([true, true, false, false], [true, false, true, false])).toBe(0.5);
  expect(f1([false], [false])).toBe(0);
});
