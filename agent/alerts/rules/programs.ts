/** Kinds of programs that several rules ask about. Names are file names of executables without versions. */
import { baseProgram, INTERPRETERS, SHELLS } from '../../features/programs.ts';

const set = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/** Programs whose work is to serve others, and the interpreters that servers are written in. */
export const SERVERS = set(
  'nginx httpd apache apache2 lighttpd caddy haproxy envoy traefik node nodejs deno bun java python ruby puma php php-fpm gunicorn uwsgi ' +
    'dotnet perl beam.smp tomcat catalina redis-server valkey-server memcached postgres postmaster mysqld mariadbd mongod ' +
    'rabbitmq-server kafka elasticsearch influxd clickhouse-server exim exim4 postfix master named unbound vsftpd proftpd smbd',
);

/** Programs that read, copy or send what they are pointed at. */
export const TOOLS = set(
  'cat tac head tail less more grep egrep fgrep sed awk gawk mawk cut sort od xxd hexdump strings base64 base32 dd cp mv tar gzip bzip2 xz zip ' +
    'cpio rsync scp sftp curl wget nc ncat netcat socat busybox toybox vi vim view nano ed openssl find xargs tee diff jq',
);

/** Programs made to open a connection to anywhere. */
export const CALLERS = set(
  'nc ncat netcat socat curl wget telnet ssh scp sftp ftp openssl busybox toybox aria2c lwp-request',
);

export const isShell = (exe: string): boolean => SHELLS.has(exe);
export const isServer = (exe: string): boolean => SERVERS.has(exe) || SERVERS.has(baseProgram(exe));
export const isInterpreter = (exe: string): boolean =>
  INTERPRETERS.has(exe) || INTERPRETERS.has(baseProgram(exe));
/** `nc.openbsd`, `nc.traditional`: Debian's alternatives. */
const plain = (exe: string): string => exe.replace(/\.(openbsd|traditional)$/, '');
export const isTool = (exe: string): boolean => TOOLS.has(plain(exe));
export const isCaller = (exe: string): boolean => CALLERS.has(plain(exe));
