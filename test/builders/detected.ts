/** Behaviours that a detector of what is usual finds: what is learnt, what then happens, and how strange that is. */
import { Access } from '../../agent/models/access/access.ts';
import type { Score } from '../../agent/models/detector.ts';
import { Volume } from '../../agent/models/volume/volume.ts';

export interface DetectedCase {
  readonly what: string;
  /** Ids of behaviours that it proves. */
  readonly covers: readonly string[];
  readonly detector: string;
  readonly usual: Score;
  readonly strange: Score;
}

const WINDOWS = 240;
const SPANS = [true, true, true];

function guessedPasswords(): DetectedCase {
  const access = new Access();
  const door = (tries: number, short: number, bytes: number) =>
    ({ kind: 'accept', name: '5432', sums: [short, short, short], tries, short, bytes }) as const;
  for (let n = 0; n < WINDOWS; n++) access.learn({ ended: SPANS, doors: [door(3, 0, 60_000 + n)] });
  return {
    what: 'connections to a database end sooner than ever, one after the other',
    covers: ['CR19'],
    detector: access.name,
    usual: access.score({ doors: [door(3, 0, 60_000)] }),
    strange: access.score({ doors: [door(60, 60, 18_000)] }),
  };
}

function bytesInBulk(): DetectedCase {
  const volume = new Volume({ features: ['bytesOut'], show: (_, value) => String(value) });
  for (let n = 0; n < WINDOWS; n++) volume.learn(Float64Array.of(Math.log1p(1000 + (n % 7) * 100)));
  return {
    what: 'ten thousand times as many bytes leave as ever',
    covers: ['XF05'],
    detector: volume.name,
    usual: volume.score(Float64Array.of(Math.log1p(1300))),
    strange: volume.score(Float64Array.of(Math.log1p(10_000_000))),
  };
}

export const detectedCases = (): DetectedCase[] => [guessedPasswords(), bytesInBulk()];
