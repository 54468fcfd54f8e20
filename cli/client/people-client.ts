/** Central's API for people: TLS with our own authority, a token as the name of who asks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requestJson } from './request.ts';
import { isMissing, NotHereError, UnreachableError } from './unreachable.ts';

export interface PeopleClient {
  readonly url: string;
  /** @throws UnreachableError, RefusedError */
  get(path: string): Promise<unknown>;
  post(path: string, body: object): Promise<unknown>;
}

export interface PeopleOptions {
  readonly stateFolder: string;
  /** host:port that central listens on. */
  readonly apiListen: string;
  /** Overrides: an address, a token file, a CA file. */
  readonly url?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/** First line `name:token` (or a token alone). */
export function readToken(text: string): string {
  const line = text.split('\n').find((each) => each.trim() !== '' && !each.startsWith('#')) ?? '';
  return line.slice(line.indexOf(':') + 1).trim();
}

const ELSEWHERE =
  'ask where it runs (in a cluster: kubectl -n NAMESPACE exec deploy/picket-central -- picket ...), or name it by --api, --token-file and --api-ca';

/** A file that was named, or else central's own on this machine. */
function read(named: string | undefined, own: string, what: string): string {
  try {
    return readFileSync(named ?? own, 'utf8');
  } catch (error) {
    if (named === undefined && isMissing(error))
      throw new NotHereError(`no central has run here (no ${own}); ${ELSEWHERE}`, { cause: error });
    throw new UnreachableError(`cannot read ${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** An address to listen on is not always one to connect to: 0.0.0.0 and [::] mean every address. */
export function apiUrl(listen: string): string {
  return `https://${listen.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')}`;
}

/** @throws UnreachableError when token or authority cannot be read: central was never started here. */
export function peopleClient(options: PeopleOptions): PeopleClient {
  const url = new URL(options.url ?? apiUrl(options.apiListen));
  const folder = join(options.stateFolder, 'central');
  const token = readToken(read(options.tokenFile, join(folder, 'api-token'), 'the API token'));
  const ca = read(options.caFile, join(folder, 'ca.crt'), "central's certificate authority");
  const target = (path: string, method: string): Parameters<typeof requestJson>[0] => ({
    who: `central at ${url.origin}`,
    tls: true,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    path,
    method,
    ca,
    headers: { authorization: `Bearer ${token}` },
  });
  return {
    url: url.origin,
    get: (path) => requestJson(target(path, 'GET')),
    post: (path, body) => requestJson(target(path, 'POST'), body),
  };
}
