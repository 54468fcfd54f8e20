/** Token, authority and client certificate as their files have them now. */
import { readFile } from 'node:fs/promises';
import type { KubeConfig } from './config.ts';
import { KubeError } from './error.ts';

/** Kubelet writes a new token with a fifth of the old one's life left: a minute, at the least life of ten. */
const REREAD_MS = 10_000;

export interface CurrentCredentials {
  readonly token: string | null;
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

export class Credentials {
  readonly #config: KubeConfig;
  #current: CurrentCredentials | null = null;
  #readAt = 0;

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  /** What was read may be old: a refusal, or a connection that could not be made, says so. */
  expire(): void {
    this.#readAt = 0;
  }

  /** The same object as long as nothing changed. @throws KubeError `Credentials` */
  async now(): Promise<CurrentCredentials> {
    const at = performance.now();
    if (this.#current !== null && this.#readAt !== 0 && at - this.#readAt < REREAD_MS) return this.#current;
    const read = await this.#read();
    this.#readAt = at;
    if (this.#current === null || !same(this.#current, read)) this.#current = read;
    return this.#current;
  }

  async #read(): Promise<CurrentCredentials> {
    const { tokenFile, caFile, certificateFile, keyFile } = this.#config;
    const [token, ca, certificate, key] = await Promise.all(
      [tokenFile, caFile, certificateFile, keyFile].map((path) => this.#file(path)),
    );
    return {
      token: token?.trim() ?? null,
      ca: ca ?? null,
      certificate: certificate ?? null,
      key: key ?? null,
    };
  }

  async #file(path: string | undefined): Promise<string | null> {
    if (path === undefined || path === '') return null;
    return readFile(path, 'utf8').catch((cause: Error) => {
      throw new KubeError({ reason: 'Credentials', path: this.#config.url, message: cause.message, cause });
    });
  }
}

const same = (a: CurrentCredentials, b: CurrentCredentials): boolean => a.token === b.token && sameTls(a, b);

/** Whether connections made with one serve the other. */
export const sameTls = (a: CurrentCredentials, b: CurrentCredentials): boolean =>
  a.ca === b.ca && a.certificate === b.certificate && a.key === b.key;
