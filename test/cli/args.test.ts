/** Arguments of commands: what is taken, what is refused, and the help that is made from the same declaration. */
import { describe, expect, test } from 'vitest';
import { type CommandShape, commandHelp, nearest, parse, showDuration } from '../../cli/args.ts';
import { parseDuration } from '../../cli/duration.ts';
import type { Rows } from '../../kit/read-settings.ts';

const shape: CommandShape = {
  name: 'cut',
  takes: ['TARGET', '[OTHER]'],
  sentence: 'Cuts.',
  flags: { lease: { value: 'DURATION', sentence: 'How long.' }, 'no-exec': { sentence: 'Not that.' } },
  settings: 'all',
  examples: ['picket cut a'],
};
const rows: Rows = {
  window: { type: 'milliseconds', min: 1, max: 1e9, default: 5000, sentence: 'A window.' },
  containment: { type: 'boolean', default: true, sentence: 'Whether.' },
};
const read = (...argv: string[]): ReturnType<typeof parse> => parse(shape, rows, argv);

describe('parse', () => {
  test('tells arguments, own flags and settings apart, in any order and both spellings', () => {
    expect(read('--window=2s', 'a', '--lease', '10m', '--no-exec', '--json')).toEqual({
      positionals: ['a'],
      flags: { lease: '10m', 'no-exec': true },
      settings: { window: '2s' },
      json: true,
      help: false,
    });
  });

  test('takes a boolean setting with and without a value', () => {
    expect(read('a', '--containment').settings).toEqual({ containment: true });
    expect(read('a', '--containment=false').settings).toEqual({ containment: 'false' });
  });

  test('takes what follows -- as it is', () => {
    expect(read('--', '--lease').positionals).toEqual(['--lease']);
  });

  test.each([
    [['a', '--windw', '1s'], 'cut: no flag --windw; did you mean --window?'],
    [['a', '--xyzzy'], 'cut: no flag --xyzzy'],
    [['a', '--lease'], 'cut: --lease needs a value'],
    [['a', '--no-exec=1'], 'cut: --no-exec takes no value'],
    [[], 'cut: TARGET is missing'],
    [['a', 'b', 'c'], 'cut: unexpected argument "c"'],
  ])('refuses %j', (argv, message) => {
    expect(() => read(...argv)).toThrow(message);
  });

  test('asks for no argument when help is wanted', () => {
    expect(read('-h').help).toBe(true);
  });
});

test('the help has usage, sentence, flags, settings with defaults, and examples', () => {
  expect(commandHelp(shape, rows)).toBe(
    [
      'picket cut TARGET [OTHER] [flags]',
      '',
      'Cuts.',
      '',
      'Flags:',
      '  --lease DURATION            How long.',
      '  --no-exec                   Not that.',
      '  --help                      Print this and do nothing.',
      '  --json                      Print JSON instead of text.',
      '',
      'Settings (also as PICKET_NAME in the environment, and as name: in the file of --config):',
      '  --window DURATION           A window. [5s]',
      '  --containment               Whether. [true]',
      '',
      'Examples:',
      '  picket cut a',
      '',
    ].join('\n'),
  );
});

test('a near name is suggested, a far one is not', () => {
  expect(nearest('replya', ['record', 'replay'])).toBe('replay');
  expect(nearest('frobnicate', ['record', 'replay'])).toBe(null);
});

test('durations are read with their unit and shown in the largest that divides them', () => {
  expect(parseDuration('--for', '90s')).toBe(90_000);
  expect(() => parseDuration('--for', '90')).toThrow('--for "90" is not a duration such as 30s or 10m');
  expect([90_000, 3_600_000, 1500].map(showDuration)).toEqual(['90s', '1h', '1500ms']);
});
