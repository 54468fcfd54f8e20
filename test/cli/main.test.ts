/** The command line as a whole: help for each command, exit codes, settings. */
import { expect, test } from 'vitest';
import { COMMANDS } from '../../cli/commands/index.ts';
import { runPicket } from './run-picket.ts';

const NAMES = [
  'up',
  'agent',
  'central',
  'demo',
  'doctor',
  'status',
  'workloads',
  'profile',
  'models',
  'containers',
  'rules',
  'alerts',
  'incidents',
  'approve',
  'contain',
  'undo',
  'unpin',
  'feedback',
  'exceptions',
  'reranking',
  'policy',
  'token',
  'notify',
  'dead-letters',
  'audit',
  'record',
  'replay',
  'bench',
  'evaluate',
];

test('these are the commands', () => {
  expect(Object.keys(COMMANDS)).toEqual(NAMES);
});

test.each(
  NAMES,
)('%s has help with usage, a sentence, flags and an example, and its own name', async (name) => {
  const { code, out, error } = await runPicket([name, '--help']);

  expect({ code, error }).toEqual({ code: 0, error: '' });
  expect(out.split('\n')[0]).toMatch(new RegExp(`^picket ${name}( [^ ]+)* \\[flags\\]$`));
  expect(out).toMatch(/\n\n[A-Z].*\.\n\nFlags:\n(.*\n)*.*--help .*\n/);
  expect(out).toMatch(new RegExp(`\nExamples:\n  .*(picket ${name}|npm )`));
  expect(await runPicket(['help', name])).toEqual({ code, out, error });
});

test('without a command the overview is printed, and it is a usage error', async () => {
  const bare = await runPicket([]);
  const asked = await runPicket(['--help']);

  expect([bare.code, asked.code]).toEqual([2, 0]);
  expect(asked.out).toBe(bare.out);
  for (const name of NAMES) expect(asked.out).toContain(`\n  ${name} `);
});

test('a mistyped command is answered with the nearest one', async () => {
  expect(await runPicket(['statsu'])).toEqual({
    code: 2,
    out: '',
    error: 'picket: no command "statsu"; did you mean status?\nTry: picket --help\n',
  });
});

test('every violation of the settings is told at once, whichever source it comes from', async () => {
  const { code, error } = await runPicket(['status', '--window', '5'], {
    environment: { PICKET_SLOTS: '3', PICKET_WINDOWS: '6' },
  });

  expect(code).toBe(2);
  expect(error).toContain('settings: 3 problem(s)');
  for (const part of ['PICKET_WINDOWS: no such setting', '--window: "5"', 'PICKET_SLOTS: "3"'])
    expect(error).toContain(part);
});

test('a settings file that cannot be read is a usage error that names it', async () => {
  const { code, error } = await runPicket(['status', '--config', '/nonexistent.yaml']);

  expect(code).toBe(2);
  expect(error).toContain('/nonexistent.yaml');
});

test('the version is that of the package', async () => {
  expect(await runPicket(['version'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+(-\w+)?\n$/),
  });
});
