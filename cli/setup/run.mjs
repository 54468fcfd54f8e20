/** Running other programs: quietly for a step of the set-up, or in place of this process for picket itself. */
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { root } from './root.mjs';

/** A step that failed, with what the program printed. */
export class SetUpError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.name = 'SetUpError';
    this.exitCode = exitCode;
  }
}

/** bpftool and ip are in /usr/sbin, which the PATH of an ordinary user leaves out on Debian. */
export function environment(extra = {}) {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`, ...extra };
}

/** Runs a program to its end and returns what it printed; throws SetUpError with the last lines when it fails. */
export function run(command, args, extra = {}) {
  const done = spawnSync(command, args, {
    cwd: root,
    env: environment(extra),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.error) throw new SetUpError(`${command}: ${done.error.message}`);
  if (done.status !== 0) {
    const words = `${done.stdout}\n${done.stderr}`.trim().split('\n').slice(-40).join('\n');
    throw new SetUpError(
      `${[command, ...args].join(' ')} ended with ${done.status ?? done.signal}:\n${words}`,
    );
  }
  return done.stdout;
}

/** Runs a program on this terminal and returns its exit code. */
export function runAttached(command, args, extra = {}) {
  const done = spawnSync(command, args, { cwd: root, env: environment(extra), stdio: 'inherit' });
  if (done.error) throw new SetUpError(`${command}: ${done.error.message}`);
  return done.status ?? 128 + (constants.signals[done.signal] ?? 0);
}

/**
 * Becomes the program where this Node can (process.execve, Node 22.15 and later), else stays as a thin parent that
 * hands on signals and ends as the program ended.
 */
export function become(command, args, env) {
  if (typeof process.execve === 'function') process.execve(command, [command, ...args], env);
  // A terminal sends SIGINT to the whole foreground group itself; a second one would cut the program's orderly stop short.
  const forwarded = process.stdin.isTTY ? ['SIGTERM', 'SIGHUP'] : ['SIGTERM', 'SIGHUP', 'SIGINT'];
  let child = null;
  // Before the program starts: a signal that comes first must not leave it behind without its parent.
  for (const signal of forwarded) process.on(signal, () => child?.kill(signal));
  if (process.stdin.isTTY) process.on('SIGINT', () => {});
  child = spawn(command, args, { stdio: 'inherit', env });
  child.on('error', (error) => {
    process.stderr.write(`picket: cannot run ${command}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of forwarded) process.removeAllListeners(name);
    process.removeAllListeners('SIGINT');
    process.kill(process.pid, signal);
  });
}
