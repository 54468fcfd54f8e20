/** Durations as people type them in flags that are not settings. */
import { UsageError } from './args.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds. @throws UsageError naming the flag. */
export function parseDuration(flag: string, text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (number === undefined || unit === undefined)
    throw new UsageError(`${flag} ${JSON.stringify(text)} is not a duration such as 30s or 10m`);
  return Number(number) * (UNIT_MS[unit] ?? 0);
}
