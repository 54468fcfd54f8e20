/** Who is at work in the cluster: people with certificates, programs with service accounts, each from addresses of its own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubeClient } from '../../../kit/kube/client.ts';
import type { Ask } from '../../../kit/kube/connection.ts';
import { isKubeError } from '../../../kit/kube/error.ts';
import { writeClientCertificate } from '../certificates.ts';
import type { Cluster } from '../cluster.ts';
import { type Ended, ended } from '../command.ts';
import type { Relays } from './relay.ts';

/** Whose requests they are in the log. */
export interface Caller {
  readonly user: string;
  readonly address: string;
}

/** Somebody at a place: what they type goes to the API server as theirs. */
export interface Hand extends Caller {
  /** A refusal is an answer as any other. */
  kubectl(...args: string[]): Promise<Ended>;
  withInput(input: object, ...args: string[]): Promise<Ended>;
  /** What does not end by itself, broken off after some seconds. */
  awhile(...args: string[]): Promise<Ended>;
  helm(...args: string[]): Promise<Ended>;
  /** A program's own requests, under its own name. */
  ask(userAgent: string, ask: Ask): Promise<void>;
}

interface Credentials {
  readonly user: string;
  /** What stands in a kubeconfig. */
  readonly proof: Readonly<Record<string, string>>;
}

export class People {
  readonly #cluster: Cluster;
  readonly #relays: Relays;
  readonly #folder: string;
  readonly #tools: string;
  readonly #credentials = new Map<string, Credentials>();
  readonly #clients = new Map<string, KubeClient>();
  /** Those who called since this was emptied. */
  readonly called = new Map<string, Caller>();

  constructor(cluster: Cluster, parts: { relays: Relays; folder: string; tools: string }) {
    this.#cluster = cluster;
    this.#relays = parts.relays;
    this.#folder = parts.folder;
    this.#tools = parts.tools;
    this.#credentials.set('nobody', { user: 'system:anonymous', proof: {} });
  }

  /** Somebody with a certificate. */
  async person(name: string, groups: readonly string[]): Promise<void> {
    const file = await writeClientCertificate(this.#cluster.folder, { name, groups });
    this.#credentials.set(name, {
      user: name,
      proof: { 'client-certificate': `${file}.crt`, 'client-key': `${file}.key` },
    });
  }

  /** A program with a token of its service account, which is `namespace/name`. */
  async account(place: string): Promise<void> {
    const [namespace = '', name = ''] = place.split('/');
    const token = await this.#cluster.kubectl(['create', 'token', name, '-n', namespace, '--duration=6h']);
    this.token(place, { user: `system:serviceaccount:${namespace}:${name}`, token: token.trim() });
  }

  /** Whoever shows this token. */
  token(name: string, { user, token }: { user: string; token: string }): void {
    this.#credentials.set(name, { user, proof: { token } });
  }

  async at(name: string, address: string): Promise<Hand> {
    const credentials = this.#credentials.get(name);
    if (credentials === undefined) throw new Error(`nobody is called ${name}`);
    const { user, proof } = credentials;
    const url = await this.#relays.from(address);
    const kubeconfig = this.#kubeconfig(`${name} ${address}`.replaceAll(/[^\w.-]+/g, '-'), url, proof);
    const env = { KUBECONFIG: kubeconfig, HOME: join(this.#folder, name.replaceAll('/', '-')) };
    const caller = { user, address };
    const type = (tool: string, args: readonly string[], more: { input?: string; seconds?: number } = {}) => {
      this.called.set(`${user} ${address}`, caller);
      const { input = '', seconds = 60 } = more;
      return ended(['timeout', '-s', 'INT', String(seconds), join(this.#tools, tool), ...args], {
        env,
        input,
      });
    };
    return {
      ...caller,
      kubectl: (...args) => type('kubectl', args),
      awhile: (...args) => type('kubectl', args, { seconds: 2 }),
      withInput: (input, ...args) => type('kubectl', args, { input: JSON.stringify(input) }),
      helm: (...args) => type('helm', args),
      ask: async (userAgent, ask) => {
        this.called.set(`${user} ${address}`, caller);
        const client = this.#client({ name, url, token: proof['token'] ?? '' }, userAgent);
        try {
          await client.connection.json(ask);
        } catch (error) {
          // A refusal is an answer as any other, and so is plain text; what never came there is none.
          if (!isKubeError(error) || (error.status === 0 && error.reason !== 'Malformed')) throw error;
        }
      },
    };
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await client.close();
  }

  #kubeconfig(name: string, server: string, user: Readonly<Record<string, string>>): string {
    const file = join(this.#folder, `${name}.kubeconfig`);
    const cluster = { server, 'certificate-authority': join(this.#cluster.folder, 'pki/ca.crt') };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  #client(of: { name: string; url: string; token: string }, userAgent: string): KubeClient {
    const key = JSON.stringify([of, userAgent]);
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const tokenFile = join(this.#folder, `${of.name.replaceAll('/', '-')}.token`);
    if (of.token !== '') writeFileSync(tokenFile, of.token, { mode: 0o600 });
    const caFile = join(this.#cluster.folder, 'pki/ca.crt');
    const client = new KubeClient(
      { url: of.url, caFile, ...(of.token === '' ? {} : { tokenFile }) },
      { userAgent },
    );
    this.#clients.set(key, client);
    return client;
  }
}
