/** How SQLite does what retention and feedback ask for: nothing goes through a whole table, and nothing is sorted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompiledQuery, type DatabaseConnection, type Dialect } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileDialect, openStore, type Store } from '../../../central/store/database.ts';

let folder = '';
let store: Store;
let asked: CompiledQuery[] = [];
let connection: DatabaseConnection;

/** The same, and every statement is noted. */
async function listening(dialect: Dialect): Promise<Dialect> {
  const driver = dialect.createDriver();
  connection = await driver.acquireConnection();
  const noting: DatabaseConnection = {
    executeQuery: (query) => {
      asked.push(query);
      return connection.executeQuery(query);
    },
    streamQuery: (query, size) => connection.streamQuery(query, size),
  };
  driver.acquireConnection = async () => noting;
  return { ...dialect, createDriver: () => driver };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'picket-plans-'));
  store = await openStore({
    dialect: await listening(fileDialect(join(folder, 'picket.db'))),
    auditKey: new Uint8Array(32),
  });
  asked = [];
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Steps of the plan in which rows are looked at one after the other, or put in order. */
async function slowSteps({ sql, parameters }: CompiledQuery): Promise<string[]> {
  const plan = await connection.executeQuery<{ detail: string }>(
    CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]),
  );
  return plan.rows
    .map(({ detail }) => detail)
    .filter(
      (detail) => /^SCAN (?!.*USING (?:COVERING )?INDEX)/.test(detail) || detail.includes('TEMP B-TREE'),
    );
}

const retention = (): CompiledQuery[] =>
  asked.filter(({ sql }) => /^\s*(?:delete|select min)/.test(sql) && !sql.includes('pragma'));

const AGES = { detailsBeforeMs: 1000, storyBeforeMs: 1000, nodesBeforeMs: 1000, recordBeforeMs: 1000 };

test.each([
  ['age', { ...AGES, maxBytes: 0 }],
  ['size', { ...AGES, maxBytes: 1 }],
])('what is deleted for its %s is found by an index', async (_, limits) => {
  await connection.executeQuery(
    CompiledQuery.raw(
      `insert into dead_letters (id, notifier, event, document, error, at_ms, tries) values ('a', '', '', '', '', 7, 1)`,
    ),
  );
  await store.deleteOld(limits, new AbortController().signal);
  const all = retention();
  const tables = new Set(all.map(({ sql }) => /from "(\w+)"/.exec(sql)?.[1]));
  expect(tables.size).toBeGreaterThanOrEqual(14);
  const slow: Record<string, string[]> = {};
  for (const query of all) {
    const steps = await slowSteps(query);
    if (steps.length > 0) slow[query.sql] = steps;
  }
  expect(slow).toEqual({});
});

test('alerts that verdicts are about, themselves or by their incident, are found by an index', async () => {
  const run = (text: string) => connection.executeQuery(CompiledQuery.raw(text));
  for (const id of ['own', 'part', 'other']) {
    const numbers = "1, 'b', 'high', 1, '1', '1', 1, 1";
    await run(`insert into alerts (id, cluster, node, revision, boot, severity, score, first_ns, last_ns, first_wall_ms, last_wall_ms,
      container, workload, title, explanation, detectors, techniques, count, quality, suppressed)
      values ('${id}', 'c', 'n', ${numbers}, '', 'w-${id}', '', '[]', '["d"]', '[]', 1, 1, '')`);
  }
  await run(`insert into incident_alerts (alert, incident) values ('part', 'inc'), ('other', 'inc-2')`);
  for (const [subject, kind] of [
    ['own', 'alert'],
    ['inc', 'incident'],
  ] as const)
    await store.feedback.addVerdict({
      ...{ id: `f-${subject}`, atMs: 1, actor: 'p', subject: { kind, id: subject }, reason: '' },
      ...{ verdict: 'false-positive', features: {}, confidence: 1 },
    });
  asked = [];
  expect((await store.feedback.judged(10)).map(({ workload }) => workload)).toEqual(['w-own', 'w-part']);
  const looks = asked.filter(({ sql }) => sql.includes('incident_alerts'));
  expect(looks.length).toBeGreaterThan(0);
  for (const query of looks) expect([query.sql, await slowSteps(query)]).toEqual([query.sql, []]);
});
