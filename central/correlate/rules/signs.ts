/** The list of rules that look at a whole incident. */
import type { Incident } from '../incident.ts';
import type { Sign } from '../sign.ts';
import type { Surroundings } from '../surroundings.ts';
import { chain } from './chain.ts';
import { moved } from './lateral.ts';
import { listed } from './listed.ts';
import { named } from './named.ts';
import { replica } from './replica.ts';
import { rollout } from './rollout.ts';
import { widespread } from './spread.ts';

export type SignRule = (incident: Incident, around: Surroundings) => Sign | null;

export const SIGN_RULES: readonly SignRule[] = [chain, moved, widespread, rollout, replica, named, listed];
