/** A picket process as a child: its log in a file, its `ready` line awaited, its end explained. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { PARENT_PIPE } from './parent-pipe.ts';

export interface ChildOptions {
  readonly entry: string;
  /** Command and flags. */
  readonly args: readonly string[];
  readonly logFile: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Each line of its standard output but the first `ready`; `at`: when it had come, of process.hrtime.bigint(). */
  readonly onLine?: (line: string, at: bigint) => void;
}

/** How a child ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const GRACE_MS = 10_000;

export class Child {
  readonly name: string;
  readonly logFile: string;
  /** Resolves when it ended; never rejects. */
  readonly ended: Promise<Ending>;
  /** Its `ready` line; rejects with its last log lines when it ends before. */
  readonly ready: Promise<string>;
  readonly #process: ChildProcess;

  constructor(options: ChildOptions) {
    this.name = options.args[0] ?? '';
    this.logFile = options.logFile;
    mkdirSync(dirname(options.logFile), { recursive: true, mode: 0o700 });
    const log = openSync(options.logFile, 'a', 0o600);
    // A group of its own: an interrupt from the keyboard comes to the parent alone, which stops its children in order.
    // Standard input is a pipe that nobody writes to: when the parent is gone, however it went, it closes, and the
    // child stops (see processIo in main.ts).
    this.#process = spawn(process.execPath, [...process.execArgv, options.entry, ...options.args], {
      stdio: ['pipe', 'pipe', log],
      env: { ...options.environment, [PARENT_PIPE]: '1' },
      detached: true,
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      // 'close' rather than 'exit': what it wrote last has been read then.
      this.#process.once('close', (code, signal) => resolve({ code, signal }));
      this.#process.once('error', () => resolve({ code: null, signal: null }));
    });
    this.ready = this.#watch(options.onLine);
    this.ready.catch(() => {}); // who awaits it hears of it; nobody may be awaiting it any more
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Ended, and how: exit code or signal, then its last log lines. */
  explain({ code, signal }: Ending): string {
    const how = signal !== null ? `was ended by ${signal}` : `ended with exit code ${code ?? 'unknown'}`;
    return `${this.name} ${how}; last lines of ${this.logFile}:\n${lastLines(this.logFile, 8)}`;
  }

  /** SIGTERM, then SIGKILL after a grace of 10 s. Resolves when it ended; may be called again. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    const timeout = new AbortController();
    await Promise.race([
      this.ended,
      sleep(GRACE_MS, undefined, { signal: timeout.signal }).then(
        () => this.#process.kill('SIGKILL'),
        () => {},
      ),
    ]);
    await this.ended;
    timeout.abort();
  }

  #watch(onLine: ChildOptions['onLine']): Promise<string> {
    return new Promise((resolve, reject) => {
      let [ready, at] = [false, 0n];
      const { stdout } = this.#process;
      if (stdout) {
        stdout.on('data', () => {
          at = process.hrtime.bigint();
        });
        createInterface({ input: stdout }).on('line', (line) => {
          if (!ready && line.startsWith('ready ')) {
            ready = true;
            resolve(line);
          } else onLine?.(line, at);
        });
      }
      void this.ended.then((ending) => reject(new Error(this.explain(ending))));
    });
  }
}

interface LogLine {
  readonly msg?: unknown;
  readonly err?: { readonly message?: unknown };
}

/** A line of a log for people: of JSON the message and what the error says, without its stack. */
function readable(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as LogLine;
    if (typeof msg !== 'string') return line;
    return typeof err?.message === 'string' ? `${msg}: ${err.message}` : msg;
  } catch {
    return line;
  }
}

/** The end of a log, as people read it. */
export function lastLines(file: string, lines: number): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').slice(-64 * 1024);
  } catch (error) {
    return `  (${(error as Error).message})`;
  }
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-lines)
    .map((line) => `  ${readable(line).replaceAll('\n', '\n  ')}`)
    .join('\n');
}
