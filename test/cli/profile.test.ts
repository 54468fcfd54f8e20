/** `picket profile` against a fake agent that answers with a real baseline. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Registry } from '../../agent/models/registry.ts';
import { type Fake, startFakeAgent } from './fake-central.ts';
import { runPicket } from './run-picket.ts';

const WEB = 'local/shop/Deployment/web/web';
/** Of another image by now. */
const TWO = 'local/shop/Deployment/two/two';
let folder = '';
let agent: Fake;

/** A baseline that learnt each of the programs once in each of eight windows, and each of others in eight of another image. */
function documentOf(programs: readonly string[], others: readonly string[] = []): object {
  const registry = new Registry({ learnWindows: 6, matureWindows: 20 });
  const facts = programs.map((value) => ({ kind: 'exec', value }) as const);
  for (let n = 0; n < 8; n++)
    registry
      .baseline(WEB)
      .learn({ phase: 'steady', facts, flagged: [], withheld: false, complete: true, version: 'sha256:a' });
  const later = others.map((value) => ({ kind: 'exec', value }) as const);
  if (others.length > 0)
    registry.baseline(WEB).learn({
      phase: 'steady',
      facts: later,
      flagged: [],
      withheld: false,
      complete: true,
      version: 'sha256:b',
    });
  return JSON.parse(registry.document(WEB) ?? '');
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
  const query = `?workload=${encodeURIComponent(WEB)}`;
  agent = await startFakeAgent(folder, {
    'GET /workloads': [
      200,
      { workloads: [{ workload: WEB }, { workload: 'local/shop/Deployment/api/api' }, { workload: TWO }] },
    ],
    [`GET /profile${query}`]: [200, documentOf(['nginx', 'sh'])],
    [`GET /profile?workload=${encodeURIComponent(TWO)}`]: [
      200,
      documentOf(['nginx', 'sh'], ['nginx', 'njs']),
    ],
    [`POST /profile${query}&to=reset`]: [200, { workload: WEB, changed: 'reset' }],
  });
});
afterEach(async () => {
  await agent.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('shows what a baseline holds, by a part of its name', async () => {
  const { code, out } = await runPicket(['profile', 'show', 'web', ...agent.flags]);
  expect(code).toBe(0);
  const text = [out].flat().join('\n');
  expect(text).toContain(WEB);
  expect(text).toContain('steady exec: 2 in 8 periods');
  expect(text).toMatch(/8 {2}nginx/);
});

test('export gives the document, and diff compares with it', async () => {
  const exported = await runPicket(['profile', 'export', 'web', ...agent.flags]);
  expect(JSON.parse([exported.out].flat().join('\n'))).toEqual(documentOf(['nginx', 'sh']));
  const before = join(folder, 'before.json');
  writeFileSync(before, JSON.stringify(documentOf(['nginx', 'cron'])));
  const differs = await runPicket(['profile', 'diff', 'web', before, ...agent.flags]);
  expect(differs.code).toBe(4);
  const text = [differs.out].flat().join('\n');
  expect(text).toMatch(/\+ +steady +exec +8 +sh/);
  expect(text).toMatch(/- +steady +exec +8 +cron/);
  writeFileSync(before, JSON.stringify(documentOf(['nginx', 'sh'])));
  expect((await runPicket(['profile', 'diff', 'web', before, ...agent.flags])).code).toBe(0);
});

test('shows the versions of the image, and what the one in force does differently', async () => {
  expect(await runPicket(['profile', 'diff', 'web', ...agent.flags])).toMatchObject({ code: 2 }); // there is one
  const shown = [(await runPicket(['profile', 'show', 'two', ...agent.flags])).out].flat().join('\n');
  expect(shown).toContain('sha256:a: 2 facts in 8 periods and 0 starts\n');
  expect(shown).toContain(
    'sha256:b: 2 facts in 1 periods and 0 starts, 1 of them new, 1 inherited and not shown yet, in force\n',
  );
  const differs = await runPicket(['profile', 'diff', 'two', ...agent.flags]);
  const text = [differs.out].flat().join('\n');
  expect([differs.code, text.includes('nginx')]).toEqual([4, false]);
  expect(text).toMatch(/\+ +steady +exec +1 +njs/);
  expect(text).toMatch(/- +steady +exec +8 +sh/);
});

test('asks the agent to change it, and refuses what is no action or no workload', async () => {
  expect(await runPicket(['profile', 'reset', 'web', ...agent.flags])).toMatchObject({ code: 0 });
  expect(agent.asked.at(-1)).toMatchObject({ method: 'POST' });
  expect(await runPicket(['profile', 'forget', 'web', ...agent.flags])).toMatchObject({ code: 2 });
  expect(await runPicket(['profile', 'show', 'nothing', ...agent.flags])).toMatchObject({ code: 2 });
});
