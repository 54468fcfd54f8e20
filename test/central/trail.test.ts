/** The record of what was done: whoever changes it behind central's back is found out. */
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { attack, container } from '../builders/summaries.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
beforeEach(async () => {
  folder = temporaryFolder();
  central = await startCentral({ folder: folder.path, policies: ['enforce-demo.yaml'] });
  const node = central.node(await central.enrol());
  // Policies, enrolment, plan, order.
  await node.send(attack([container('web-1')]));
  await central.stop();
});
afterEach(async () => {
  await central.stop();
  folder.remove();
});

async function verified(query = ''): Promise<Record<string, unknown>> {
  central = await startCentral({ folder: folder.path, policies: ['enforce-demo.yaml'] });
  return (await central.call('GET', `/api/v1/audit${query}`)).value;
}
function meddle(sql: string): void {
  const store = new DatabaseSync(central.ready.database);
  // The table refuses this by triggers, which who can write the file can drop.
  expect(() => store.exec(sql)).toThrow('append only');
  const triggers = store.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'steps'",
  );
  for (const { name } of triggers.all()) store.exec(`DROP TRIGGER ${String(name)}`);
  store.exec(sql);
  store.close();
}

it('is whole when nobody has touched it, also after a restart', async () => {
  const first = await verified();
  expect(first).toMatchObject({ whole: true, lines: 4, broken: null, head: { line: 4 } });
  const { line, hash } = first['head'] as { line: number; hash: string };
  await central.stop();
  expect(await verified(`?from=${line}:${hash}`)).toMatchObject({ whole: true });
  expect((await central.call('GET', '/api/v1/audit?from=nonsense')).status).toBe(400);
});

it.each([
  ['a changed text', "UPDATE steps SET text = 'nothing' WHERE id = 3", 3, 'does not follow'],
  ['a changed actor', "UPDATE steps SET actor = 'somebody' WHERE id = 4", 4, 'does not follow'],
  ['a line that is gone', 'DELETE FROM steps WHERE id = 2', 2, 'does not follow'],
  ['the first line gone', 'DELETE FROM steps WHERE id = 1', 1, 'does not follow'],
  [
    'two that changed places',
    'UPDATE steps SET id = CASE id WHEN 2 THEN 103 WHEN 3 THEN 2 ELSE id END',
    2,
    'does not follow',
  ],
  ['an end that was cut off', 'DELETE FROM steps WHERE id = 4', 4, 'it is gone: there were at least 4 lines'],
  ['all of it gone', 'DELETE FROM steps', 1, 'it is gone: there were at least 4 lines'],
])('finds %s', async (_, sql, line, because) => {
  meddle(sql);
  const { whole, broken } = await verified();
  expect([whole, broken]).toEqual([false, { line, because: expect.stringContaining(because) }]);
  expect(await central.metric('picket_central_audit_whole')).toBe(0);
});

it('finds a store that was put back to an earlier state together with what central noted, by a head noted elsewhere', async () => {
  const elsewhere = `5:${'ab'.repeat(32)}`;
  expect(await verified(`?from=${elsewhere}`)).toMatchObject({
    whole: false,
    broken: { line: 5, because: 'it is gone: there were at least 5 lines' },
  });
});
