/**
 * The fleet's secret hash key. Values in sketches are hashes under it: the same value is the same hash on every node, so
 * that sketches merge, and whoever has the sketches but not the key learns no value from them, not by trying either.
 */
import { createHash, createHmac } from 'node:crypto';

export interface HashKey {
  /** Names the key and tells nothing of it. */
  readonly id: string;
  /** 32 bytes, hexadecimal. */
  readonly secret: string;
}

const SECRET = /^[0-9a-f]{64}$/;
/** Before the id of a key that only one node has. */
export const OWN = 'own-';

/** The key of 32 bytes. `own`: no other node has it, so its sketches merge with none of theirs. @throws when it is none. */
export function hashKey(secret: string, own = false): HashKey {
  if (!SECRET.test(secret)) throw new Error('a hash key is 32 bytes in hexadecimal');
  const id = createHash('sha256')
    .update('picket hash key id')
    .update(Buffer.from(secret, 'hex'))
    .digest('hex');
  return { id: `${own ? OWN : 'hash-'}${id.slice(0, 16)}`, secret };
}

/** 8 bytes: HMAC-SHA-256, cut. Two of a million values share one with a probability of 3 in 100 million. */
export type Hasher = (value: string) => Uint8Array;

export function hasherOf(key: HashKey): Hasher {
  const secret = Buffer.from(key.secret, 'hex');
  return (value) => createHmac('sha256', secret).update(value).digest().subarray(0, 8);
}
