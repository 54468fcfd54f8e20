/** What a no does to the plans and the incident that it is about, on a real store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Incident, IncidentState } from '../../../central/correlate/incident.ts';
import type { Plan } from '../../../central/respond/plan.ts';
import { DEFAULT_ACTION } from '../../../central/respond/policy.ts';
import { refuse } from '../../../central/respond/refuse.ts';
import { fileDialect, openStore, type Store } from '../../../central/store/database.ts';

let folder = '';
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'picket-refuse-'));
  store = await openStore({
    dialect: fileDialect(join(folder, 'picket.db')),
    auditKey: new Uint8Array(32),
  });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const target = {
  ...{ node: 'n1', id: 'c1', name: 'web', podUid: 'u', pod: 'web-1' },
  ...{ namespace: 'demo', workload: 'local/demo/Deployment/web/web', image: '' },
};
const incident: Incident = {
  ...{ id: 'inc-1', cluster: 'local', state: 'open', severity: 'high', stage: 'execution', confidence: 0.9 },
  ...{ title: 'A shell', firstMs: 0, lastMs: 0, members: [], involved: [target], techniques: [] },
  ...{ identities: [], pods: [], priority: 0, reasons: [], findings: [], reaches: [], matches: [] },
  ...{ facts: {}, timeline: [], omitted: 0, revision: 1 },
};
const plan = (id: string, madeMs: number): Plan => ({
  ...{ id, incident: incident.id, madeMs },
  steps: [
    { target, policy: null, mode: 'ask', action: DEFAULT_ACTION, verdict: 'propose', because: 'as asked' },
  ],
});
/** Two plans of which the second took the place of the first, and where the incident stands. */
async function planned(state: IncidentState): Promise<void> {
  await store.incidents.save({ kind: 'opened', incident });
  await store.response.savePlan(plan('pln-1', 1), 'proposed');
  await store.response.savePlan(plan('pln-2', 2), 'proposed');
  await store.incidents.setState(incident.id, state);
}
const no = (id: string) =>
  refuse(
    store.response,
    { nowMs: () => 3 },
    { incident: incident.id, plan: id, actor: 'alice', reason: 'no' },
  );

test.each([
  'closed',
  'released',
  'expired',
  'awaiting',
] as const)('a late no to a plan whose place another took leaves the incident %s, and that plan waiting', async (state) => {
  await planned(state);
  expect(await no('pln-1')).toMatchObject({ superseded: true });
  expect((await store.incidents.get(incident.id))?.state).toBe(state);
  expect((await store.response.proposedPlan(incident.id))?.id).toBe('pln-2');
});

test.each([
  ['awaiting', 'open'],
  ['closed', 'closed'],
  ['released', 'released'],
] as const)('a no to the plan that waits: %s becomes %s', async (state, expected) => {
  await planned(state);
  expect(await no('pln-2')).toMatchObject({ superseded: false });
  expect((await store.incidents.get(incident.id))?.state).toBe(expected);
  expect(await store.response.proposedPlan(incident.id)).toBeNull();
});

test('whether an incident is under way is told of that one alone', async () => {
  await planned('awaiting');
  expect(await store.incidents.isUnderWay(incident.id)).toBe(true);
  expect(await store.incidents.isUnderWay('inc-2')).toBe(false);
  await store.incidents.setState(incident.id, 'closed');
  expect(await store.incidents.isUnderWay(incident.id)).toBe(false);
});

test('plans whose place others took are found among however many ids', async () => {
  await planned('awaiting');
  const others = Array.from({ length: 5000 }, (_, at) => `pln-none-${at}`);
  const found = await store.objects.superseded({ cluster: 'local', plans: [...others, 'pln-1'] });
  expect(found.map(({ plan: { id }, title }) => [id, title])).toEqual([['pln-1', 'A shell']]);
});
