/** How often the node proves that it sees. */
import type { Rows } from '../../kit/read-settings.ts';

export const canaryRows = {
  'canary-interval': {
    type: 'milliseconds',
    min: 0,
    max: 24 * 3_600_000,
    default: 600_000,
    sentence:
      'How often the agent starts a harmless program of its own (picket-canary) and checks that it was seen, judged, logged and told; 0: never. A fifth more or less, at random.',
  },
} as const satisfies Rows;
