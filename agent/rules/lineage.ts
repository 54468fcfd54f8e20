/** What rules ask of a process and of what started it. */
import { SHELLS } from '../features/programs.ts';
import type { Container } from '../identity/container.ts';
import type { KnownProcess } from '../identity/processes.ts';
import { isRuntimeName } from '../identity/runtimes.ts';
import { Names } from './names.ts';

const names = (text: string): Names => new Names(text.split(' '));

/** Programs whose work is to serve others, and the interpreters that servers are written in. */
export const SERVERS = names(
  'nginx httpd apache apache2 lighttpd caddy haproxy envoy traefik node nodejs deno bun java python ruby puma php php-fpm gunicorn uwsgi ' +
    'dotnet perl beam.smp tomcat catalina redis-server valkey-server memcached postgres postmaster mysqld mariadbd mongod ' +
    // What redis-server and clickhouse-server are links to, in packages of distributions.
    'redis-check-rdb redis-check-aof valkey-check-rdb valkey-check-aof keydb-server clickhouse uwsgi-core ' +
    'rabbitmq-server kafka elasticsearch influxd clickhouse-server exim exim4 postfix master named unbound vsftpd proftpd smbd',
);

const SECOND = 1_000_000_000n;
/** Shells that a container starts so soon are its entry point and their children its servers. */
const SHELL_START_NS = 15n * SECOND;
/** Processes that a runtime starts so soon are the container's own. */
const ENTRY_NS = 5n * SECOND;

const isShell = (exe: string): boolean => SHELLS.has(exe);

/**
 * The runtime, by its name and by that of what started it: a workload may call a program runc, but the shell or server
 * that starts it is seen doing so.
 */
export function isRuntime(exe: string, lineage: readonly KnownProcess[]): boolean {
  if (!isRuntimeName(exe)) return false;
  const [own, parent] = lineage;
  const ran = own?.before.every((name) => isRuntimeName(name)) ?? true;
  return ran && (parent === undefined || parent.exe === '' || isRuntimeName(parent.exe));
}

/** A shell that is no part of the container's start, in the process or above it. */
export function shellAbove(lineage: readonly KnownProcess[], { madeAt }: Container): KnownProcess | null {
  for (const [index, process] of lineage.entries()) {
    const ran = index === 0 ? [...process.before, process.program] : [process.program, ...process.before];
    if (!ran.some(isShell)) continue;
    const startUp = madeAt !== null && process.start - madeAt < SHELL_START_NS;
    // A shell that was there before picket looked is somebody's entry point as likely as not.
    if (!startUp && process.execAt !== null) return process;
  }
  return null;
}

/** The server of the same container that started the shell, directly or through others: what entered from outside has none. */
export function serverAbove(lineage: readonly KnownProcess[], shell: KnownProcess): string {
  const above = lineage.slice(lineage.indexOf(shell) + 1);
  return above.find((process) => SERVERS.has(process.exe) && process.home === shell.home)?.exe ?? '';
}

/** What stands above what started the process and all that this was forked from: who forks before he starts something is who he was. */
function aboveStarter([, parent, ...above]: readonly KnownProcess[]): KnownProcess | undefined {
  let child = parent;
  for (const process of above) {
    if (child?.execAt !== null || process.exe !== child.exe || process.home !== child.home) return process;
    child = process;
  }
  return undefined;
}

/** Whether what started the process stands first in the container, as far as was seen: nothing of the container is above it. */
export function isOfMain(lineage: readonly KnownProcess[]): boolean {
  const [own, parent] = lineage;
  if (own === undefined || parent === undefined || parent.exe === '' || isShell(parent.program)) return false;
  return parent.home === own.home && aboveStarter(lineage)?.home !== parent.home;
}

/** Since when what started the process has run its program, were it in what that was forked from. */
export const starterRanSince = ([, parent]: readonly KnownProcess[]): bigint | null =>
  parent?.ranSince ?? null;

/** Whether a runtime put the process, or one above it, into a container that was running already. */
export function isEntered(lineage: readonly KnownProcess[], { madeAt, kind }: Container): boolean {
  if (kind !== 'container') return false;
  const top = lineage.findIndex(({ exe, before }) => isRuntimeName(exe) || before.some(isRuntimeName));
  const first = top === -1 ? undefined : lineage[isRuntimeName(lineage[top]?.exe ?? '') ? top - 1 : top];
  return first !== undefined && (madeAt === null || first.start - madeAt > ENTRY_NS);
}
