/** Settings of how long what central keeps is kept. */
import type { Rows } from '../../kit/read-settings.ts';

const DAY_MS = 86_400_000;

export const storeRows = {
  retention: {
    type: 'milliseconds',
    default: 30 * DAY_MS,
    min: 3_600_000,
    max: 3650 * DAY_MS,
    sentence: 'Windows, detections, sessions, sketches and receipts older than this are deleted.',
  },
  'keep-incidents': {
    type: 'milliseconds',
    default: 180 * DAY_MS,
    min: 3_600_000,
    max: 3650 * DAY_MS,
    sentence:
      'Incidents, alerts, plans, orders that have ended, dead letters, enrolments and policies no longer in force, older than this, are deleted; verdicts stay.',
  },
  'keep-nodes': {
    type: 'milliseconds',
    default: 30 * DAY_MS,
    min: DAY_MS,
    max: 3650 * DAY_MS,
    sentence:
      'A node that was not heard for so long is forgotten, with what its canaries came to and its PicketNode.',
  },
  'keep-steps': {
    type: 'milliseconds',
    default: 400 * DAY_MS,
    min: 3_600_000,
    max: 3650 * DAY_MS,
    sentence:
      'Lines of the record of what was done older than this are deleted, from the beginning (the chain stays provable), and exceptions that ended before it.',
  },
  'database-bytes': {
    type: 'bytes',
    default: 8 * 1024 ** 3,
    min: 16 * 1024 ** 2,
    max: 1024 ** 4,
    sentence:
      'When the database holds more, the oldest details go, then the oldest of the rest: incidents, alerts, ended orders, enrolments, policies no longer in force.',
  },
} as const satisfies Rows;
