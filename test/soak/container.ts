/** One container's life: a cgroup, a process with namespaces of its own that does what is asked, and its end. */
import { spawn } from 'node:child_process';
import { type Container, makeContainer } from '../../cli/bench/container.ts';

/** With its own network, where loopback is up, so that a connection is refused and not impossible. */
const START = 'echo 0 > "$0"/cgroup.procs && ip link set lo up && exec "$@"';
const NAMESPACES = ['-m', '-u', '-i', '-n', '-C', '--fork', '--pid', '--mount-proc', '--kill-child'];

export interface Life extends Container {
  /** Kills its processes and removes its cgroup. */
  end(): Promise<void>;
}

/** `doer`: the program of test/native/doer.c. What it is to do is read from its standard input, a line each. */
export function begin(number: number, top: string, doer: string, does: readonly string[]): Life {
  const container = makeContainer(number, top);
  const child = spawn('unshare', [...NAMESPACES, 'sh', '-c', START, container.folder, doer], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.stdin.on('error', () => {}); // it ended first
  child.stdin.write(does.map((line) => `${line}\n`).join(''));
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await container.remove();
  };
  return { ...container, end };
}
