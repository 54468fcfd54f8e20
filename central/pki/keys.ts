/** Keys that are not the authority's: one signs orders, one chains the steps, tokens let agents and people in. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  timingSafeEqual,
} from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readOrMakePrivate, readPrivate } from './files.ts';

/** What agents check orders with. */
export interface OrderKey {
  readonly id: string;
  /** PEM, SubjectPublicKeyInfo. */
  readonly publicKey: string;
}
export interface OrderSigner extends OrderKey {
  /** Ed25519 over exactly these bytes. */
  sign(payload: Uint8Array): Uint8Array;
}

const idOf = (key: KeyObject): string =>
  `key-${createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 20)}`;

/** The order-signing key in `folder`, made where there is none. */
export async function openOrderSigner(folder: string): Promise<OrderSigner> {
  const pem = await readOrMakePrivate(join(folder, 'order.key'), () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  return {
    id: idOf(publicKey),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (payload) => sign(null, payload, privateKey),
  };
}

export const newToken = (): string => randomBytes(32).toString('base64url');

/** 32 bytes that chain the append-only steps; whoever has the database but not this key cannot forge one. */
export async function openAuditKey(folder: string): Promise<Uint8Array> {
  const hex = await readOrMakePrivate(
    join(folder, 'audit.key'),
    () => `${randomBytes(32).toString('hex')}\n`,
  );
  const key = Buffer.from(hex.trim(), 'hex');
  if (key.length !== 32) throw new Error(`${join(folder, 'audit.key')}: not 32 bytes in hex`);
  return key;
}

/** Compares in constant time; the hashes make lengths equal. */
export function sameSecret(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** The token that an agent enrols with. */
export async function openJoinToken(folder: string): Promise<string> {
  return (await readOrMakePrivate(join(folder, 'join-token'), () => `${newToken()}\n`)).trim();
}

/** The token that API servers' webhooks send. */
export async function openAuditToken(folder: string): Promise<string> {
  return (await readOrMakePrivate(join(folder, 'audit-token'), () => `${newToken()}\n`)).trim();
}

export const TOKEN_ROLES = ['viewer', 'responder', 'admin'] as const;
export interface PeopleToken {
  readonly actor: string;
  readonly role: (typeof TOKEN_ROLES)[number];
  /** CLUSTER/NAMESPACE, comma-separated, with *; empty: all. */
  readonly scope: string;
  readonly token: string;
}
const PLACE = '[A-Za-z0-9._*-]{1,253}/[a-z0-9.*-]{1,253}';
const TOKEN_LINE = new RegExp(
  `^([A-Za-z0-9._@-]{1,64})(?:/(viewer|responder|admin)(?:@(${PLACE}(?:,${PLACE}){0,63}))?)?:(\\S{16,})$`,
);

/** A line `name:token`, `name/role:token` or `name/role@cluster/namespace,...:token` each, `#` begins a comment; without a role it is admin. @throws */
export function parsePeopleTokens(path: string, text: string): readonly PeopleToken[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line, index) => {
      const match = TOKEN_LINE.exec(line.trim());
      if (match === null)
        throw new Error(
          `${path}: line ${index + 1} is not name:token, name/role:token or name/role@cluster/namespace:token with 16 characters or more`,
        );
      const role = TOKEN_ROLES.find((one) => one === match[2]) ?? 'admin';
      return { actor: match[1] ?? '', role, scope: match[3] ?? '', token: match[4] ?? '' };
    });
}

/**
 * Tokens of the People API; one for `admin` is made where there is none. Read again when the file changes, so that a token is
 * given and taken back without a restart; while it cannot be read as a whole, what it said last holds.
 */
export async function openPeopleTokens(
  folder: string,
  onError: (error: unknown) => void = () => undefined,
): Promise<() => readonly PeopleToken[]> {
  const path = join(folder, 'api-token');
  let tokens = parsePeopleTokens(path, await readOrMakePrivate(path, () => `admin:${newToken()}\n`));
  const stamp = (): string => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.mode}`;
  };
  let seen = stamp();
  return () => {
    const now = stamp();
    if (now === seen) return tokens;
    seen = now;
    try {
      tokens = parsePeopleTokens(path, readPrivate(path) ?? '');
    } catch (error) {
      onError(error);
    }
    return tokens;
  };
}
