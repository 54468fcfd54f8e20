/** Failures by code. Codes are what the other side says: each is a series of a metric, so only so many are counted apart. */
const MAX_CODES = 64;
const OTHER = 'OTHER';

export function bump(counts: Map<string, number>, code: string, by = 1): void {
  const key = counts.has(code) || counts.size < MAX_CODES ? code : OTHER;
  counts.set(key, (counts.get(key) ?? 0) + by);
}
