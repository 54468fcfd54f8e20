/** Draws that a seed decides (xoshiro128**, D. Blackman, S. Vigna, 2018; seeded by splitmix32). */
import { UsageError } from '../args.ts';
import type { Call } from '../command.ts';

/** @returns numbers from 0 to 1, the same for the same seed. */
export function lots(seed: number): () => number {
  let state = seed >>> 0;
  const split = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [split(), split(), split(), split()];
  return () => {
    const turned = Math.imul(b, 5);
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result / 2 ** 32;
  };
}

/** Of the flag `--seed`; 1 when absent. */
export function seedOf(call: Call): number {
  const seed = Number(call.flags['seed'] ?? 1);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff)
    throw new UsageError(`evaluate: --seed ${call.flags['seed']} is not a whole number from 0 to 4294967295`);
  return seed;
}
