/** `picket alerts` on a log as the agent writes it. */
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeLine, followAlertLog, parseAlertLine } from '../../cli/client/alert-log.ts';
import { runPicket } from './run-picket.ts';

let folder = '';
let log = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
  mkdirSync(join(folder, 'agent'));
  log = join(folder, 'agent', 'alerts.ndjson');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const line = (id: string, more: object = {}): string =>
  `${JSON.stringify({
    schema: 1,
    kind: 'detection',
    id,
    time: '2026-11-21T10:00:00.000Z',
    severity: 'medium',
    detector: 'shell',
    summary: `summary of ${id}`,
    container: {
      id: 'c'.repeat(64),
      pod: 'web-1',
      namespace: 'demo',
      workload: 'local/demo/Deployment/web/web',
    },
    ...more,
  })}\n`;
const alerts = (...flags: string[]) => runPicket(['alerts', '--state-folder', folder, ...flags]);

test('prints rotated files before the present one, oldest first, and skips a torn line', async () => {
  writeFileSync(`${log}.2`, line('d1'));
  writeFileSync(`${log}.1`, line('d2'));
  writeFileSync(log, `${line('d3')}{"kind":"detec`);

  const { code, out } = await alerts('--json');

  expect(code).toBe(0);
  expect(out).toBe(line('d1') + line('d2') + line('d3'));
});

test('keeps to the kind, the time and the container that are asked for', async () => {
  const other = { container: { id: 'd'.repeat(64) } };
  writeFileSync(
    log,
    line('old', { time: '2026-11-20T10:00:00.000Z' }) +
      line('new') +
      line('x', other) +
      line('a', { kind: 'alert' }),
  );

  const ids = (out: string): string[] =>
    out
      .trim()
      .split('\n')
      .map((each) => JSON.parse(each).id);

  expect(ids((await alerts('--json', '--since', '2026-11-21T00:00:00Z')).out)).toEqual(['new', 'x', 'a']);
  expect(ids((await alerts('--json', '--kind', 'alert')).out)).toEqual(['a']);
  expect(ids((await alerts('--json', '--container', 'dddd')).out)).toEqual(['x']);
});

test('exits with 4 when something as bad as asked for was printed, with 2 for a wrong flag value', async () => {
  writeFileSync(log, line('d1', { severity: 'high' }));

  expect((await alerts('--fail-on', 'high')).code).toBe(4);
  expect((await alerts('--fail-on', 'critical')).code).toBe(0);
  expect(await alerts('--fail-on', 'terrible')).toMatchObject({
    code: 2,
    error: expect.stringContaining('--fail-on terrible is not one of info, low, medium, high, critical'),
  });
});

test('a log that is not there yet is no failure', async () => {
  expect(await alerts()).toEqual({ code: 0, out: '', error: `nothing in ${log}\n` });
});

test('follows lines that come in parts, and a log that is rotated', async () => {
  writeFileSync(log, line('before'));
  const stop = new AbortController();
  const ids: string[] = [];
  const following = (async () => {
    for await (const { value } of followAlertLog(log, 'end', stop.signal)) ids.push(value.id);
  })();
  const whole = line('ä1', { summary: 'naïve' });
  const half = Buffer.byteLength('{"schema":1,"kind":"detection","id":"') + 1; // within the two bytes of ä
  appendFileSync(log, Buffer.from(whole).subarray(0, half));
  await sleep(250);
  appendFileSync(log, Buffer.from(whole).subarray(half));
  await sleep(250);
  renameSync(log, `${log}.1`);
  writeFileSync(log, line('d2'));
  await sleep(250);
  stop.abort();
  await following;

  expect(ids).toEqual(['ä1', 'd2']);
});

test('a line in plain words names the pod and escapes what a workload chose', () => {
  const { value } = parseAlertLine(line('d1', { summary: 'ran \u001b[31mred' })) ?? { value: null };
  expect(value && describeLine(value).slice(10)).toBe('medium   demo/web-1: ran \\u001b[31mred');
});
