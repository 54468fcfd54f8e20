import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AlertLog } from '../../../agent/alerts/alert-log.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'alert-log-'));
  path = join(folder, 'agent', 'alerts.ndjson');
});
afterEach(() => rmSync(folder, { recursive: true }));
const lines = (file = path): unknown[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line));
const make = (maxBytes = 1e6): AlertLog => new AlertLog({ path, maxBytes, keep: 3 });

test('writes one JSON object per line, at once, and appends after a restart', () => {
  const log = make();
  expect(log.write({ schema: 1, kind: 'detection', id: 'det-1' })).toBe(true);
  expect(lines()).toEqual([{ schema: 1, kind: 'detection', id: 'det-1' }]);
  log.close();
  make().write({ id: 'det-2' });
  expect(lines()).toEqual([{ schema: 1, kind: 'detection', id: 'det-1' }, { id: 'det-2' }]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a line that a killed agent left half-written does not swallow the next one', () => {
  mkdirSync(join(folder, 'agent'));
  writeFileSync(path, '{"id":"det-1"}\n{"id":"de');
  const log = make();
  expect([log.write({ id: 'det-2' }), log.write({ id: 'det-3' })]).toEqual([true, true]);
  expect(readFileSync(path, 'utf8')).toBe('{"id":"det-1"}\n{"id":"de\n{"id":"det-2"}\n{"id":"det-3"}\n');
  expect(log.waiting).toBe(0);
});

test('hostile text cannot break a line or act on a terminal, and nothing of it is lost', () => {
  const hostile = 'a\n{"kind":"alert"}\u001b[2J\u009b31m\u202e\u2028\ud800"\\';
  make().write({ summary: hostile });
  const text = readFileSync(path, 'utf8');
  expect(text.split('\n')).toHaveLength(2);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those must not be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/);
  expect(lines()).toEqual([{ summary: hostile }]);
});

test('rotates before it grows beyond its size and keeps three', () => {
  const log = make(40);
  for (let n = 0; n < 6; n++) log.write({ n, pad: 'x'.repeat(20) });
  expect([path, `${path}.1`, `${path}.2`, `${path}.3`].map((file) => lines(file))).toEqual(
    [5, 4, 3, 2].map((n) => [{ n, pad: 'x'.repeat(20) }]),
  );
  expect(existsSync(`${path}.4`)).toBe(false);
});

test('goes on in a new file when others rename or truncate it', () => {
  const log = make();
  log.write({ n: 1 });
  renameSync(path, `${path}.moved`);
  log.write({ n: 2 });
  copyFileSync(path, `${path}.copy`);
  truncateSync(path);
  log.write({ n: 3 });
  expect([lines(`${path}.moved`), lines(`${path}.copy`), lines()]).toEqual([
    [{ n: 1 }],
    [{ n: 2 }],
    [{ n: 3 }],
  ]);
});

test('never throws when it cannot write: lines wait, and come in order once it can', () => {
  const log = make();
  log.write({ n: 1 });
  rmSync(path);
  mkdirSync(path);
  expect([log.write({ n: 2 }), log.write({ n: 3 }), log.waiting]).toEqual([false, false, 2]);
  expect(log.lastError).toMatch(/EISDIR/);
  rmdirSync(path);
  expect(log.flush()).toBe(true);
  expect([lines(), log.counts]).toEqual([[{ n: 2 }, { n: 3 }], { written: 3, dropped: 0, errors: 2 }]);
  expect(log.lastError).toBeNull();
});

test('counts what does not fit while it cannot write', () => {
  const log = make();
  mkdirSync(path);
  for (let n = 0; n < 50; n++) log.write({ pad: 'x'.repeat(100_000) });
  expect(log.waiting + log.counts.dropped).toBe(50);
  expect(log.counts.dropped).toBe(9);
});

test.skipIf(!existsSync('/dev/full'))('a full disk is counted, and the line waits', () => {
  const log = new AlertLog({ path: '/dev/full', maxBytes: 1e6, keep: 1 });
  expect([log.write({ n: 1 }), log.waiting, log.lastError]).toEqual([
    false,
    1,
    expect.stringMatching(/ENOSPC/),
  ]);
});
