/** What the demo's acts have before them, and how they look at it: from inside, from outside, and at processes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroup2Root } from './cgroups.ts';
import type { Container } from './containers.ts';
import type { Shop } from './shop.ts';
import type { Story } from './story.ts';
import { until } from './wait.ts';

export interface Scene {
  readonly shop: Shop;
  readonly story: Story;
  /** State folder of the demo's picket. */
  readonly folder: string;
  readonly apiListen: string;
  /** Command line prefix of the shipped binary. */
  readonly picket: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Twice what the shop waits between two connections, and its time limit for one. */
const SHOP_TURN_MS = 2000;

/** The last outcome of the container's own connections since a time, of the kind that is asked for. */
export async function waitConnection(
  scene: Scene,
  container: Container,
  since: number,
  connected: boolean,
): Promise<string | null> {
  const fact = await until(SHOP_TURN_MS, scene.signal, () => {
    const facts = scene.shop.connections(container).filter((each) => each.at >= since);
    return facts.find((each) => (each.out === 'connected') === connected) ?? null;
  });
  return fact?.out ?? null;
}

/** Asks a shop from outside, as a customer's browser would. @returns status or error. */
export async function ask(scene: Scene, container: Container, path: string): Promise<string> {
  const since = scene.shop.outside.length;
  const url = scene.shop.request(container, path);
  const reply = await until(
    3000,
    scene.signal,
    () => scene.shop.outside.slice(since).find((fact) => fact.url === url) ?? null,
  );
  return reply === null ? 'no answer' : (reply.error ?? `status ${reply.status}`);
}

/** Processes of the container that run a program of this name. */
function pidsRunning(container: Container, comm: string): number[] {
  const file = join(cgroup2Root() ?? '', container.cgroup, 'cgroup.procs');
  const isRunning = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === comm;
    } catch {
      return false; // ended since the list was read
    }
  };
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number).filter(isRunning);
}

/** Ends the attacker's shell and what it is forking just now. @returns how many processes that were. */
export async function endShells(scene: Scene, container: Container): Promise<number> {
  const ended = new Set<number>();
  await until(2000, scene.signal, () => {
    const pids = pidsRunning(container, 'bash');
    for (const pid of pids) {
      ended.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // ended by itself
      }
    }
    return pids.length === 0 ? true : null;
  });
  return ended.size;
}
