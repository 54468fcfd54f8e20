/** What the migration does to a database of before. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileDialect, openStore } from '../../../central/store/database.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-growth-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('policies that ended before anybody wrote down when stay for as long as those that end now', async () => {
  const path = join(folder, 'picket.db');
  const open = () => openStore({ dialect: fileDialect(path), auditKey: new Uint8Array(32) });
  await (await open()).close();
  const db = new DatabaseSync(path);
  for (const index of [
    'policies_ended_ms',
    'enrolments_at_ms',
    'nodes_last_seen_ms',
    'exceptions_expires_ms',
  ])
    db.exec(`drop index ${index}`);
  db.exec(
    "alter table policies drop column ended_ms; delete from kysely_migration where name = '0015-growth'",
  );
  const columns = db.prepare('select name, type from pragma_table_info(?)').all('policies');
  const values = columns.map(({ name, type }) =>
    name === 'place' ? -1 : /int/i.test(String(type)) ? 1000 : "''",
  );
  db.exec(`insert into policies (${columns.map(({ name }) => name).join()}) values (${values.join()})`);
  db.close();

  const sinceMs = Math.floor(Date.now() / 1000) * 1000;
  await (await open()).close();
  const after = new DatabaseSync(path);
  const [row] = after.prepare('select ended_ms from policies').all();
  after.close();
  expect(row?.['ended_ms']).toBeGreaterThanOrEqual(sinceMs);
  expect(row?.['ended_ms']).toBeLessThanOrEqual(Date.now());
});
