/** The list of rules, asked in this order; each says why an alert belongs to an incident, or null. */
import type { Evidence, Incident } from '../incident.ts';
import { identity } from './identity.ts';
import { lateral } from './lateral.ts';
import { lineage } from './lineage.ts';
import { spread } from './spread.ts';

export type JoinRule = (evidence: Evidence, incident: Incident) => string | null;

export const JOIN_RULES: readonly JoinRule[] = [lineage, identity, lateral, spread];
