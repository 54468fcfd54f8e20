/** The agent's key and certificates in its state folder. Keys are readable by their owner only. */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credentials } from './client.ts';

export interface OrderKeyFile {
  readonly id: string;
  readonly publicKey: string;
}
/** What an enrolment or a renewal gives. */
export interface Enrolled extends Credentials {
  readonly orderKeys: readonly OrderKeyFile[];
  /** Secrets of the fleet's hash keys, newest first; none from a central that has none. */
  readonly hashKeys: readonly string[];
}

const KEY = 'node.key';
export const CERTIFICATE = 'node.crt';
export const CA = 'ca.crt';
const ORDER_KEYS = 'order-keys.json';
const HASH_KEYS = 'hash-keys.json';

async function replace(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(aside, text, { mode: 0o600, flush: true });
  await rename(aside, path);
}

async function read(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Each file is replaced in one step; that they belong together is checked when they are read. */
export async function writeEnrolled(folder: string, enrolled: Enrolled): Promise<void> {
  await replace(join(folder, CERTIFICATE), enrolled.certificate);
  await replace(join(folder, CA), enrolled.ca);
  await replace(join(folder, ORDER_KEYS), `${JSON.stringify(enrolled.orderKeys, null, 1)}\n`);
  await replace(join(folder, HASH_KEYS), `${JSON.stringify(enrolled.hashKeys)}\n`);
  await replace(join(folder, KEY), enrolled.key);
}

/** Null when the agent is not enrolled. @throws when a file is there and is not what it should be. */
export async function readEnrolled(folder: string): Promise<Enrolled | null> {
  const texts = await Promise.all([KEY, CERTIFICATE, CA, ORDER_KEYS].map((name) => read(join(folder, name))));
  const [key, certificate, ca, orderKeys] = texts;
  if (!key || !certificate || !ca || !orderKeys) return null;
  // An agent that died while it wrote a renewed pair: it enrols again.
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return null;
  const hashKeys = JSON.parse((await read(join(folder, HASH_KEYS))) ?? '[]') as string[];
  return { key, certificate, ca, orderKeys: JSON.parse(orderKeys) as OrderKeyFile[], hashKeys };
}
