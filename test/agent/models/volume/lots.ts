/** Numbers in (0, 1) that look drawn, the same for the same seed (mulberry32). */
export function lots(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

/** About normal: the sum of twelve. */
export const normal = (lot: () => number): number =>
  Array.from({ length: 12 }, lot).reduce((sum, each) => sum + each, -6);
