/** The command line: finds the command, reads arguments and settings, turns the outcome into an exit code. */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { commandHelp, EXIT, nearest, type Parsed, parse, UsageError } from './args.ts';
import { UnreachableError } from './client/unreachable.ts';
import type { Command, Io } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { PARENT_PIPE } from './parent-pipe.ts';

function version(): string {
  const here = fileURLToPath(import.meta.url);
  const file = new URL(here.endsWith('.ts') ? '../package.json' : '../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function overview(): string {
  return [
    `picket ${version()}: watches what the workloads of a node do, learns what is normal, contains what is not`,
    '',
    'picket COMMAND [flags]',
    '',
    ...Object.entries(COMMANDS).map(([name, { sentence }]) => `  ${name.padEnd(11)} ${sentence}`),
    '  help        this, or the help of a command',
    '  version     the version',
    '',
    'picket COMMAND --help prints flags, settings and examples. On one machine: npm start.',
    '',
  ].join('\n');
}

async function find(name: string): Promise<Command> {
  const entry = COMMANDS[name];
  if (entry !== undefined) return entry.load();
  const meant = nearest(name, Object.keys(COMMANDS));
  throw new UsageError(
    `no command ${JSON.stringify(name)}${meant === null ? '' : `; did you mean ${meant}?`}`,
  );
}

async function runCommand(command: Command, argv: readonly string[], io: Io): Promise<number> {
  const { ROW_SETS, readAllSettings } = await import('./settings.ts');
  const rows = ROW_SETS[command.settings];
  const parsed: Parsed = parse(command, rows, argv);
  if (parsed.help) {
    io.out(commandHelp(command, rows));
    return EXIT.ok;
  }
  return command.run({ ...parsed, values: readAllSettings(parsed.settings, io.environment), io });
}

function isSettingsError(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === 'PICKET_SETTINGS';
}

function report(error: unknown, io: Io): number {
  if (error instanceof UsageError) {
    io.error(`picket: ${error.message}\nTry: picket --help\n`);
    return EXIT.usage;
  }
  if (isSettingsError(error)) {
    io.error(`picket: ${error.message}\n`);
    return EXIT.usage;
  }
  io.error(`picket: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof UnreachableError ? EXIT.unreachable : EXIT.failed;
}

/** @returns the exit code; never throws. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  try {
    if (
      name === undefined ||
      name === '--help' ||
      name === '-h' ||
      (name === 'help' && rest[0] === undefined)
    ) {
      io.out(overview());
      return name === undefined ? EXIT.usage : EXIT.ok;
    }
    if (name === 'version' || name === '--version') {
      io.out(`${version()}\n`);
      return EXIT.ok;
    }
    if (name === 'help') return await runCommand(await find(rest[0] ?? ''), ['--help'], io);
    return await runCommand(await find(name), rest, io);
  } catch (error) {
    return report(error, io);
  }
}

/** As a child of another picket: its end closes our standard input. */
function stopWithParent(): void {
  const input = new Socket({ fd: 0, readable: true, writable: false });
  // A signal to ourselves: agent and central know how to stop on one.
  input.on('close', () => process.kill(process.pid, 'SIGTERM'));
  input.resume();
  input.unref(); // does not keep us alive by itself
}

/** The real world: standard streams, this process's environment, one signal for SIGINT and SIGTERM. */
export function processIo(): Io {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  if (process.env[PARENT_PIPE]) stopWithParent();
  // A reader that went away (`| head`) ends us quietly.
  process.stdout.on('error', () => stop.abort());
  return {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
    environment: process.env,
    terminal: process.stdout.isTTY === true,
    signal: stop.signal,
    entry: fileURLToPath(import.meta.url),
  };
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2), processIo());
