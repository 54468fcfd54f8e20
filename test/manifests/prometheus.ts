/** Debian's real prometheus and promtool: those that are installed, or unpacked from the package and kept. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const KEPT = join(homedir(), '.cache/picket/debian-prometheus');

/** The folder with both, or why they cannot be had. */
export function prometheusFolder(): { readonly folder: string } | { readonly problem: string } {
  if (existsSync('/usr/bin/promtool') && existsSync('/usr/bin/prometheus')) return { folder: '/usr/bin' };
  const folder = join(KEPT, 'usr/bin');
  if (existsSync(join(folder, 'promtool'))) return { folder };
  mkdirSync(join(KEPT, '..'), { recursive: true });
  const aside = mkdtempSync(`${KEPT}-`);
  try {
    const quiet = { cwd: aside, stdio: 'pipe', timeout: 300_000 } as const;
    execFileSync('apt-get', ['download', 'prometheus'], quiet);
    execFileSync('sh', ['-c', 'dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb'], quiet);
    if (!existsSync(KEPT)) renameSync(aside, KEPT);
    return { folder };
  } catch (error) {
    return { problem: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

export interface RunningPrometheus {
  /** The value of `data` of an answer. @throws with Prometheus' own words when it refuses. */
  ask(path: string, query?: Record<string, string>): Promise<unknown>;
  stop(): Promise<void>;
}

/** Scrapes these `job: host:port` each second and runs the rules of this file. */
export async function startPrometheus(
  folder: string,
  jobs: Readonly<Record<string, string>>,
  rules: string,
): Promise<RunningPrometheus> {
  const state = mkdtempSync(join(tmpdir(), 'picket-prometheus-'));
  const config = join(state, 'prometheus.json');
  const scrapes = Object.entries(jobs).map(([job_name, target]) => ({
    job_name,
    static_configs: [{ targets: [target] }],
  }));
  const global = { scrape_interval: '1s', evaluation_interval: '1s' };
  writeFileSync(config, JSON.stringify({ global, rule_files: [rules], scrape_configs: scrapes }));
  const port = await freePort();
  const child = spawn(
    join(folder, 'prometheus'),
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(state, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    async ask(path, query = {}) {
      const url = `http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(query)}`;
      const answer = (await (await fetch(url)).json()) as { status: string; data: unknown; error?: string };
      if (answer.status !== 'success') throw new Error(`${query['query'] ?? path}: ${answer.error}`);
      return answer.data;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(state, { recursive: true, force: true });
    },
  };
}
