/** `picket models` against a fake agent that answers with real cards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Baseline } from '../../agent/models/baseline.ts';
import { cardsOf } from '../../agent/models/care/cards.ts';
import { BLOCK } from '../../agent/models/care/drift.ts';
import { type Fake, startFakeAgent } from './fake-central.ts';
import { runPicket } from './run-picket.ts';

const WEB = 'local/shop/Deployment/web/web';
const JUDGED = [
  { detector: 'rarity', hits: 3, falseAlarms: 12 },
  { detector: 'secret-read', hits: 2, falseAlarms: 0 },
];
let folder = '';
let agent: Fake;

/** Lived for some hours, of which the later ones are otherwise spread. */
function web(): Baseline {
  const baseline = new Baseline(WEB, { learnWindows: 6, matureWindows: 20 });
  const { care } = baseline.history;
  care.window({ wallMs: Date.now() - 7_200_000, complete: true, learnt: true });
  for (let n = 0; n < 4 * BLOCK; n++) baseline.history.learn(n < BLOCK ? 0 : 3);
  care.tell('rarity');
  return baseline;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
  const change = `?workload=${encodeURIComponent(WEB)}&model=calibration`;
  agent = await startFakeAgent(folder, {
    'GET /models': [200, { models: [{ ...cardsOf(web()), judged: JUDGED }] }],
    [`POST /models${change}&to=promote`]: [200, { workload: WEB, model: 'calibration', changed: 'promote' }],
    [`POST /models${change}&to=rollback`]: [
      409,
      { error: { code: 'PICKET_CONFLICT', message: 'there is no version before it' } },
    ],
  });
});
afterEach(async () => {
  await agent.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('lists workloads with what deserves a look', async () => {
  const { code, out } = await runPicket(['models', ...agent.flags]);
  const text = [out].flat().join('\n');
  expect([code, text]).toEqual([0, expect.stringMatching(/drift: calibration; compared: calibration/)]);
  expect(text).toContain(WEB);
});

test('shows versions, and what a newer one would have told', async () => {
  const { code, out } = await runPicket(['models', 'show', 'web', ...agent.flags]);
  const text = [out].flat().join('\n');
  expect(code).toBe(0);
  expect(text).toMatch(/calibration +1\.2880 +2880 +\d+\.\d\d ! +0 +- +- +candidate: of 0 windows/);
  expect(text).toMatch(/rarity +1\.0 +0 +- +1 +3 +12 +-/);
  // What people said of rules stands apart: those have no model.
  expect(text).toMatch(/RULE +REAL +FALSE\nsecret-read +2 +0/);
});

test('promotes, and tells why it cannot roll back', async () => {
  const promoted = await runPicket(['models', 'promote', 'web', 'calibration', ...agent.flags]);
  expect([promoted.code, promoted.out]).toEqual([0, expect.stringContaining('calibration promote')]);
  const refused = await runPicket(['models', 'rollback', 'web', 'calibration', ...agent.flags]);
  expect(refused.code).not.toBe(0);
  expect([refused.error].flat().join('\n')).toContain('there is no version before it');
  expect(await runPicket(['models', 'sell', 'web', ...agent.flags])).toMatchObject({ code: 2 });
  expect(await runPicket(['models', 'show', 'nothing', ...agent.flags])).toMatchObject({ code: 2 });
});
