/** Running other programs to their end. */

import { type SpawnOptions, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** Where Debian keeps ip, nft and runc; an ordinary PATH leaves it out. */
export const PATH = `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin`;

export class CommandError extends Error {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
  constructor(argv: readonly string[], ended: Ended) {
    const words = `${ended.stderr}\n${ended.stdout}`.trim().split('\n').slice(-30).join('\n');
    super(`${argv.join(' ')} ended with ${ended.code}:\n${words}`);
    this.name = 'CommandError';
    this.code = ended.code;
    this.stdout = ended.stdout;
    this.stderr = ended.stderr;
  }
}

export interface Ended {
  /** Exit code, or the name of the signal. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}
export interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  /** File that gets what the program says as it says it, for one that takes minutes. */
  readonly log?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program and returns how it ended, whatever that was. */
export function ended(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [program = '', ...args] = argv;
  const spawning: SpawnOptions = {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PATH, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, spawning);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    const log = options.log === undefined ? undefined : createWriteStream(options.log);
    if (log !== undefined)
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => log.write(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      log?.end();
      const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('utf8');
      resolve({ code: code ?? signal ?? 'unknown', stdout: text(out), stderr: text(err) });
    });
    // A program that does not read its input ends before it is written.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Runs a program and returns its standard output. @throws CommandError when it fails */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const end = await ended(argv, options);
  if (end.code !== 0) throw new CommandError(argv, end);
  return end.stdout;
}

/** Asks again until the answer is neither null, undefined nor false. @throws when that takes longer than `limitMs` */
export async function until<T>(
  what: string,
  ask: () => Promise<T> | T,
  limitMs = 300_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const last = Date.now() + limitMs;
  let why = '';
  while (true) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false)
        return answer as NonNullable<Exclude<T, false>>;
      why = '';
    } catch (error) {
      why = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (Date.now() > last) throw new Error(`${what}: not within ${limitMs / 1000} s${why}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
