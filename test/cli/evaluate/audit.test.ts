import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { auditScorer, entryOf, evaluateAudit, stream, timed } from '../../../cli/evaluate/audit.ts';

const folder = mkdtempSync(join(tmpdir(), 'picket-audit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const event = (auditID: string, username: string, resource: string, more: object = {}) => ({
  kind: 'Event',
  auditID,
  verb: 'create',
  user: { username },
  objectRef: { resource },
  responseStatus: { code: 201 },
  ...more,
});
const ADMIN = { requestObject: { roleRef: { name: 'cluster-admin' } } };

async function judge(flags: Record<string, string>): Promise<{ code: number; out: string; error: string }> {
  const said = { out: '', error: '' };
  const io = {
    out: (text: string): void => {
      said.out += text;
    },
    error: (text: string): void => {
      said.error += text;
    },
  };
  const code = await evaluateAudit({ flags, positionals: ['audit'], io } as never);
  return { code, ...said };
}

test('one line per row, the riskier request higher, what is no request 0', async () => {
  const [file, out] = [join(folder, 'test.ndjson'), join(folder, 'out.ndjson')];
  const rows = [
    event('a', 'ada', 'configmaps'),
    { log: event('b', 'ada', 'clusterrolebindings', ADMIN) },
    { x: 1 },
  ];
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'));
  const said = await judge({ test: file, out });
  expect([said.code, said.error]).toEqual([
    0,
    '0 entries learnt, 3 judged, 1 of them no Kubernetes request\n',
  ]);
  const scores = readFileSync(out, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(scores).toEqual([
    { id: 'a', score: 0 },
    { id: '2', score: 0.9 },
    { id: '3', score: 0 },
  ]);
});

test('what is like nothing learnt is a little stranger', () => {
  const entry = entryOf(event('a', 'ada', 'configmaps'), 0);
  const other = entryOf(event('b', 'bob', 'services'), 1);
  expect([auditScorer([entry])(entry), auditScorer([other])(entry), auditScorer([])(entry)]).toEqual([
    0, 0.1, 0,
  ]);
});

test('a log that is read again tells nothing more', () => {
  const events = Array.from({ length: 3000 }, (_, i) =>
    entryOf(event(`e${i}`, `u${'abc'[i % 3]}`, 'pods'), i),
  );
  const odd = entryOf(event('odd', 'mallory', 'clusterrolebindings', ADMIN), 9);
  const all = [...events, odd].flatMap(({ event: one }) => (one === null ? [] : [one]));
  expect(stream(timed(all), 3).map(({ alerts, fresh }) => [alerts, fresh])).toEqual([
    [1, 9],
    [0, 0],
    [0, 0],
  ]);
});

test('says what is missing', async () => {
  await expect(judge({})).rejects.toThrow('evaluate audit: --test is missing');
});
