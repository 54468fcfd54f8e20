/** Detectors by name, as a label that takes few values: each model by its own, all rules, ours and yours, as one. */
import { ACCESS } from './access.ts';
import { JOB_RUN } from './job.ts';
import { RARITY } from './judge.ts';
import { POD_STATE } from './pod-state.ts';
import { REPLICA } from './replica.ts';
import { ROLLOUT } from './rollout.ts';
import { SEQUENCE } from './sequence.ts';
import { SESSION_REACH } from './session.ts';
import { SURGE } from './surge.ts';
import { UNKNOWN } from './unknown.ts';
import { RHYTHM, VOLUME } from './volume.ts';

export const NOT_RULES: ReadonlySet<string> = new Set([
  RARITY,
  SEQUENCE,
  SESSION_REACH,
  VOLUME,
  SURGE,
  RHYTHM,
  ACCESS,
  REPLICA,
  POD_STATE,
  UNKNOWN,
  ROLLOUT,
  JOB_RUN,
  'shape',
  'dns-labels',
  'flood',
  'overload',
  'unwatched',
]);

export const detectorLabel = (detector: string): string => (NOT_RULES.has(detector) ? detector : 'rule');
