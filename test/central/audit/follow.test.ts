import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FilePlace, readLines } from '../../../central/audit/follow.ts';

let folder = '';
let path = '';
let place: FilePlace | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-follow-'));
  path = join(folder, 'audit.log');
  place = null;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** All rows that are there now, read on from where we were. */
async function read(): Promise<unknown[]> {
  const rows: unknown[] = [];
  for (let more = true; more; ) {
    const lines = await readLines(path, place);
    if (lines === null) break;
    rows.push(...lines.rows, ...Array.from({ length: lines.malformed }, () => 'malformed'));
    place = lines.place;
    more = lines.more;
  }
  return rows;
}

test('reads each whole line once', async () => {
  writeFileSync(path, '1\n2\n3');
  expect(await read()).toEqual([1, 2]);
  appendFileSync(path, '3\n4\n');
  expect(await read()).toEqual([33, 4]);
  expect(await read()).toEqual([]);
});

test('a file that is not there yet is read once it is', async () => {
  expect(await read()).toEqual([]);
  writeFileSync(path, '1\n');
  expect(await read()).toEqual([1]);
});

test('reads what is left of a rotated file before the new one', async () => {
  writeFileSync(path, '"first"\n1\n');
  await read();
  appendFileSync(path, '2\n');
  renameSync(path, join(folder, 'audit-2026-11-02T10-00-00.000.log'));
  writeFileSync(path, '"second"\n3\n');
  expect(await read()).toEqual([2, 'second', 3]);
});

test('a log that is rotated while it is read loses no line', async () => {
  const rows: unknown[] = [];
  for (let turn = 0; turn < 200; turn++) {
    writeFileSync(path, `"file ${turn}"\n`);
    rows.push(...(await read()));
    appendFileSync(path, `${turn}\n`);
    const reading = read();
    // Between any two steps of the reader: each takes a turn of the loop or more.
    for (let turns = 0; turns < turn % 20; turns++) await new Promise(setImmediate);
    renameSync(path, join(folder, `audit-${turn}.log`));
    writeFileSync(path, '');
    rows.push(...(await reading), ...(await read()));
    rmSync(join(folder, `audit-${turn}.log`));
  }
  expect(rows).toEqual(Array.from({ length: 200 }, (_, turn) => [`file ${turn}`, turn]).flat());
});

test('a file that was cut short is read from its beginning', async () => {
  writeFileSync(path, '1\n2\n3\n');
  await read();
  truncateSync(path, 0);
  appendFileSync(path, '8\n');
  expect(await read()).toEqual([8]);
});

test('a line that is no JSON is counted, and one without end is passed over', async () => {
  writeFileSync(path, `{"a"\n1\n${'x'.repeat(2_500_000)}\n2\n`);
  expect((await read()).filter((row) => row !== 'malformed')).toEqual([1, 2]);
});
