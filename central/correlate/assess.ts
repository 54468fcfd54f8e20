/** From an incident and what is around it to how grave and how urgent it is, with the reasons. Pure. */
import { SEVERITIES, type Severity } from '../ingest/report.ts';
import type { Incident } from './incident.ts';
import { SIGN_RULES } from './rules/signs.ts';
import type { Sign } from './sign.ts';
import { type Surroundings, USUAL_VALUE } from './surroundings.ts';
import { TACTICS } from './tactics.ts';

const rank = (severity: string): number => Math.max(0, (SEVERITIES as readonly string[]).indexOf(severity));
const severityAt = (at: number): Severity =>
  SEVERITIES[Math.max(0, Math.min(at, SEVERITIES.length - 1))] ?? 'critical';

/** Of 100: how much each can give. */
const POINTS = { severity: 40, confidence: 20, stage: 15, value: 15, reach: 10 } as const;
const MOST_VALUE = 3;
/** Containers and nodes from which an incident is as wide as can be told: doublings of containers, and nodes. */
const WIDE = { doublings: 5, nodes: 5 };

/** Together at most one step: several rules see the same thing. */
function severityOf({ members }: Incident, signs: readonly Sign[]): Severity {
  const worst = Math.max(...members.map(({ severity }) => rank(severity)));
  const down = signs.some(({ steps }) => steps < 0);
  // That a release shows in many places is what makes it one.
  const up = signs.some(({ steps, rule }) => steps > 0 && !(down && rule === 'spread'));
  return severityAt(worst + Number(up) - Number(down));
}

interface Reason {
  readonly points: number;
  readonly text: string;
}

function reasonsOf(incident: Incident, signs: readonly Sign[], around: Surroundings): Reason[] {
  const { severity, confidence, stage, involved } = incident;
  const value = Math.max(
    0,
    ...involved.map(({ namespace }) => around.valueOf(namespace)),
    involved.length === 0 ? USUAL_VALUE : 0,
  );
  const nodes = new Set(involved.map(({ node }) => node)).size;
  const doublings = Math.log2(Math.max(1, involved.length)) / WIDE.doublings;
  const wide = Math.min(1, Math.max(doublings, (nodes - 1) / WIDE.nodes));
  const at = stage === 'unknown' ? 0 : (TACTICS.indexOf(stage) + 1) / TACTICS.length;
  return [
    { points: (POINTS.severity * rank(severity)) / (SEVERITIES.length - 1), text: `${severity} severity` },
    { points: POINTS.confidence * confidence, text: `confidence ${confidence.toFixed(2)}` },
    { points: POINTS.stage * at, text: `stage ${stage}` },
    {
      points: (POINTS.value * Math.min(value, MOST_VALUE)) / MOST_VALUE,
      text: `value ${value} of where it is`,
    },
    { points: POINTS.reach * wide, text: `${involved.length} containers on ${nodes} nodes` },
    ...signs.map(({ points = 0, rule }) => ({ points, text: rule })),
  ]
    .map(({ points, text }) => ({ points: Math.round(points), text }))
    .filter(({ points }) => points !== 0)
    .toSorted((a, b) => b.points - a.points);
}

export function assess(incident: Incident, around: Surroundings): Incident {
  const signs = SIGN_RULES.flatMap((rule) => rule(incident, around) ?? []);
  const graded = { ...incident, severity: severityOf(incident, signs) };
  const reasons = reasonsOf(graded, signs, around);
  const sum = reasons.reduce((total, { points }) => total + points, 0);
  return {
    ...graded,
    priority: Math.max(0, Math.min(100, sum)),
    reasons: reasons.map(({ points, text }) => `${text} (+${points})`),
    findings: signs.map(({ sentence }) => sentence),
  };
}

/** The most urgent first; of equal ones the latest; the rest by id, so that the order never depends on chance. */
export const byUrgency = (
  a: Pick<Incident, 'priority' | 'lastMs' | 'id'>,
  b: Pick<Incident, 'priority' | 'lastMs' | 'id'>,
): number => b.priority - a.priority || b.lastMs - a.lastMs || (a.id < b.id ? -1 : 1);
