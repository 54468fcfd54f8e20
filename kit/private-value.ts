/** A value that is not to be told, and what is told in its place: a keyed hash, by which who has the value finds it again. */

import type { Compared } from './exception.ts';
import { matchesGlob } from './glob.ts';
import type { Hasher } from './sketch/hash-key.ts';

const KIND = /^[a-z-]{1,32} /;
const HASH = 'hash:';

/** `fact` is KIND VALUE: the kind is one of picket's own words, and stays. */
export function hashedValue(name: string, value: string, hash: Hasher): string {
  const kind = name === 'fact' ? (KIND.exec(value)?.[0] ?? '') : '';
  return `${kind}${HASH}${Buffer.from(hash(value.slice(kind.length))).toString('hex')}`;
}

/** It may be one, or a pattern of one. */
export const mayBeHashed = (text: string): boolean => text.includes(HASH);

/**
 * Whether a pattern, of which one part or the other is hashed, means the value. A pattern of clear text means the hash of itself
 * alone: what `*` would stand for cannot be told of a hash.
 */
export function meansHashed({ name, pattern, value }: Compared, hashers: readonly Hasher[]): boolean {
  if (value === '' || pattern === '') return false;
  if (mayBeHashed(pattern) && !mayBeHashed(value))
    return hashers.some((hash) => matchesGlob(pattern, hashedValue(name, value, hash)));
  if (mayBeHashed(value) && !mayBeHashed(pattern) && !pattern.includes('*'))
    return hashers.some((hash) => hashedValue(name, pattern, hash) === value);
  return false;
}
