/** Servers of Debian in a container's cgroup, and the clients that load them from outside of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../demo/run.ts';
import { freePort } from './agent.ts';
import { type Container, pidsIn } from './container.ts';
import type { Bench } from './measurement.ts';
import { cpuMs } from './process.ts';

export interface Server {
  readonly container: Container;
  readonly port: number;
  stop(): Promise<void>;
}

const FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];
export function programNamed(name: string): string | null {
  return FOLDERS.map((folder) => join(folder, name)).find(existsSync) ?? null;
}

const NGINX = (port: number): string => `worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path tmp;
	proxy_temp_path tmp;
	fastcgi_temp_path tmp;
	uwsgi_temp_path tmp;
	scgi_temp_path tmp;
	keepalive_requests 1000000;
	server { listen 127.0.0.1:${port}; root html; }
}
`;

function startIn({ folder }: Container, command: readonly string[], cwd: string): ChildProcess {
  const script = 'echo 0 > "$0"/cgroup.procs && exec "$@"';
  return spawn('sh', ['-c', script, folder, ...command], { cwd, stdio: 'ignore' });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function whenReady(container: Container, child: ChildProcess, port: number): Promise<Server> {
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await container.remove();
  };
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries < 100) await sleep(50);
    else {
      await stop();
      throw new Error(`${child.spawnargs.at(4)} does not answer on port ${port}`);
    }
  }
  return { container, port, stop };
}

export async function startRedis(bench: Bench, container: Container, program: string): Promise<Server> {
  const port = await freePort();
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  return whenReady(container, startIn(container, [program, ...flags], bench.folder), port);
}

export async function startNginx(bench: Bench, container: Container, program: string): Promise<Server> {
  const port = await freePort();
  const site = join(bench.folder, 'site');
  mkdirSync(join(site, 'html'), { recursive: true });
  mkdirSync(join(site, 'tmp'), { recursive: true });
  writeFileSync(join(site, 'html/index.html'), 'x'.repeat(1024));
  writeFileSync(join(site, 'nginx.conf'), NGINX(port));
  return whenReady(container, startIn(container, [program, '-p', site, '-c', 'nginx.conf'], site), port);
}

/** So many requests were answered. */
export type Client = (server: Server) => Promise<number>;

export const redisGet =
  (program: string, requests: number): Client =>
  async ({ port }) => {
    const flags = [
      '-h',
      '127.0.0.1',
      '-p',
      String(port),
      '-t',
      'get',
      '-n',
      String(requests),
      '-c',
      '20',
      '-q',
    ];
    await must(program, flags, 60_000);
    return requests;
  };

export const httpGet =
  (program: string, seconds: number, close: boolean): Client =>
  async ({ port }) => {
    const header = close ? ['-H', 'Connection: close'] : [];
    const flags = ['-t1', '-c16', `-d${seconds}s`, ...header, `http://127.0.0.1:${port}/index.html`];
    const printed = await must(program, flags, 60_000);
    return Number(/(\d+) requests in/.exec(printed)?.[1]);
  };

/** CPU time of the server for one request, µs. */
export async function cpuPerRequest(server: Server, client: Client): Promise<number> {
  const pids = pidsIn(server.container);
  const cpu = (): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const before = cpu();
  const requests = await client(server);
  return ((cpu() - before) * 1000) / requests;
}
