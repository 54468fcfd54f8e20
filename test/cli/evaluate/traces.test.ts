/** `picket evaluate` as people run it, on small files made here. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runPicket } from '../run-picket.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'picket-evaluate-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const server = (rounds: number): string[] =>
  Array.from({ length: rounds }, () => ['accept', 'read', 'write', 'close']).flat();

function file(name: string, rows: readonly unknown[]): string {
  const path = join(dir, name);
  const text = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n');
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

const training = Array.from({ length: 40 }, (_, i) => ({ id: `n${i}`, calls: server(5 + (i % 7)) }));
const testing = [
  { id: 'calm', calls: server(8) },
  { id: 7, calls: ['accept', 'read', 'socket', 'connect', 'dup2', 'dup2', 'execve'] },
];

interface Line {
  readonly id: string;
  readonly score: number;
  readonly p: number;
  readonly bits: number;
}

const parsed = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

test('scores each unit on a line, the strange one higher, plain or gzip, the same each time', async () => {
  const train = file('train.ndjson', training);
  const argv = ['evaluate', 'traces', '--train', train, '--test', file('test.ndjson', testing)];
  const out = join(dir, 'scores.ndjson');
  const printed = await runPicket(argv);
  const written = await runPicket([
    ...['evaluate', 'traces', '--train', file('train.ndjson.gz', training)],
    ...['--test', file('test.ndjson.gz', testing), '--out', out],
  ]);

  expect([printed.code, written.code, written.out]).toEqual([0, 0, '']);
  expect(readFileSync(out, 'utf8')).toBe(printed.out);
  const lines = parsed(printed.out);
  expect(lines.map(({ id }) => id)).toEqual(['calm', '7']);
  const [calm, strange] = lines;
  expect(strange?.score).toBeGreaterThan(calm?.score ?? Number.POSITIVE_INFINITY);
  expect(strange?.p).toBeLessThan(0.05);
  expect(strange?.bits).toBeCloseTo(-Math.log2(strange?.p ?? 1), 4);
});

test('learns only normal rows of the split train, and judges only the split test, where rows name them', async () => {
  const attack = { calls: ['ptrace', 'ptrace', 'ptrace'] };
  const marked = file('marked.ndjson', [
    ...training.map((row) => ({ ...row, split: 'train', label: 'normal' })),
    { ...attack, id: 'poison', split: 'train', label: 'attack' },
    { ...attack, id: 'early', split: 'test', label: 'attack' },
  ]);
  const { out, error } = await runPicket(['evaluate', 'traces', '--train', marked, '--test', marked]);

  expect(error).toMatch(/^40 traces learnt in .* s, 1 judged, .* µs per call \(CPU time\)\n$/);
  const [only] = parsed(out);
  expect(only?.id).toBe('early');
  expect(only?.p).toBeLessThan(0.05);
});

test.each<[string, unknown, string]>([
  ['is not JSON', '{"id": 1,', 'Expected'],
  ['is not an object', '[1]', 'not a JSON object'],
  ['has no id', { calls: [1] }, 'id is neither text nor a number'],
  ['has no calls', { id: 1 }, 'calls is not a list'],
  [
    'has a call that is none',
    { id: 1, calls: ['read', null] },
    'calls[1] is neither text nor a whole number',
  ],
  ['has facts that are none', { id: 1, calls: [1], facts: [1] }, 'facts is not a list of lists of text'],
  ['has too few facts', { id: 1, calls: [1, 2], facts: [[]] }, 'facts has 1 lists for 2 calls'],
])('a row that %s is an error with file and line', async (_, row, message) => {
  const bad = file('bad.ndjson', [training[0], '', row]);
  const { code, error } = await runPicket(['evaluate', 'traces', '--train', bad, '--test', bad]);

  expect(code).toBe(1);
  expect(error).toContain(`${bad}:3: ${message}`);
});

test('a broken gzip file is an error, not an empty set', async () => {
  const path = file('short.ndjson.gz', training);
  writeFileSync(path, readFileSync(path).subarray(0, 60));
  const { code, error } = await runPicket(['evaluate', 'traces', '--train', path, '--test', path]);

  expect(code).toBe(1);
  expect(error).toContain('unexpected end of file');
});

test('a wrong subject, a flag of another subject and a missing one are usage errors', async () => {
  expect((await runPicket(['evaluate', 'trace'])).error).toContain('did you mean traces?');
  expect((await runPicket(['evaluate', 'traces', '--data', dir])).error).toContain('takes no --data');
  expect((await runPicket(['evaluate', 'traces', '--test', 'x'])).error).toContain('--train is missing');
  expect((await runPicket(['evaluate', 'report'])).error).toContain('--data is missing');
  const seed = ['evaluate', 'traces', '--train', 'x', '--test', 'x', '--seed', '-1'];
  expect((await runPicket(seed)).code).toBe(1);
});

test('the report says so when a folder holds no set', async () => {
  const { code, error } = await runPicket(['evaluate', 'report', '--data', dir]);

  expect({ code, error }).toEqual({ code: 1, error: `picket: ${dir}: none of the sets is there\n` });
});

test('the report reads a set where it finds it and gives its figures beside the bars', async () => {
  const rows = [
    ...training.map((row) => ({ ...row, split: 'train', label: 'normal' })),
    ...testing.map((row, i) => ({ ...row, split: 'test', label: i === 0 ? 'normal' : 'attack' })),
  ];
  file('adfa-ld-dev.ndjson.gz', rows);
  const { code, out } = await runPicket(['evaluate', 'report', '--data', dir]);

  expect(code).toBe(0);
  expect(out).toMatch(/^System-call traces/);
  expect(out).toMatch(/adfa-ld-dev +40 +1 +1 +1\.000 +1\.000 +1\.000 .*\.870 \.22 \.36/);
});
