/** Incident and policies to a plan: what would be done where, before any limit is looked at. Pure. */
import { createHash } from 'node:crypto';
import type { Incident, Involved, Member } from '../correlate/incident.ts';
import { SEVERITIES, type Severity } from '../ingest/report.ts';
import { actionsIn, irreversibleIn, lasts } from './actions.ts';
import { type Action, DEFAULT_ACTION, type Mode, type Policy, policyFor } from './policy.ts';

/**
 * execute: an order leaves now. propose: a person is asked. record: only written down. refuse: not done, whoever asks
 * by approving the plan.
 */
export type Verdict = 'execute' | 'propose' | 'record' | 'refuse';

export interface PlanStep {
  readonly target: Involved;
  readonly policy: { readonly name: string; readonly version: string } | null;
  readonly mode: Mode;
  readonly action: Action;
  readonly verdict: Verdict;
  /** Why this verdict, a sentence. */
  readonly because: string;
}
export interface Plan {
  readonly id: string;
  readonly incident: string;
  readonly madeMs: number;
  readonly steps: readonly PlanStep[];
}

const VERDICT_OF: Readonly<Record<Mode, Verdict>> = { observe: 'record', ask: 'propose', enforce: 'execute' };

/**
 * What the container's own alerts say. Only where the worst of the incident was seen does the incident's severity
 * count, which several together may have raised: else an intruder could have its neighbours cut off with it.
 */
function severityOf(target: Involved, incident: Incident): Severity {
  const worst = (members: readonly Member[]): number =>
    Math.max(0, ...members.map(({ severity }) => SEVERITIES.indexOf(severity)));
  const here = `${target.node}/${target.id}`;
  const own = worst(incident.members.filter(({ container }) => container === here));
  return own === worst(incident.members) ? incident.severity : (SEVERITIES[own] ?? 'info');
}

function stepFor(target: Involved, incident: Incident, policies: readonly Policy[]): PlanStep {
  const { namespace, workload } = target;
  const severity = severityOf(target, incident);
  const policy = policyFor(policies, { namespace, workload, severity });
  const mode = policy?.mode ?? 'observe';
  const because =
    policy === null
      ? `no policy matches ${severity} alerts here; observe is the default`
      : `policy ${policy.name} says ${mode}`;
  return {
    target,
    policy: policy === null ? null : { name: policy.name, version: policy.version },
    mode,
    action: policy?.action ?? DEFAULT_ACTION,
    verdict: VERDICT_OF[mode],
    because,
  };
}

const policyOf = ({ policy }: PlanStep): string =>
  policy === null ? '' : `${policy.name} ${policy.version}`;

/**
 * One step per container of the incident. The id derives from incident, revision and policies: planned twice, it is one
 * plan.
 */
export function planContainment(incident: Incident, policies: readonly Policy[], nowMs: number): Plan {
  const steps = incident.involved.map((target) => stepFor(target, incident, policies));
  const made = [incident.id, incident.revision, ...steps.map(policyOf)];
  const digest = createHash('sha256').update(made.join('\n')).digest('hex');
  return { id: `pln-${digest.slice(0, 20)}`, incident: incident.id, madeMs: nowMs, steps };
}

/** Whether another policy, or another version of one, decides about a container than when `before` was made. */
export function decidedByOthers(before: Plan, now: Plan): boolean {
  const keyOf = ({ target }: PlanStep): string => `${target.node}/${target.id}`;
  const was = new Map(before.steps.map((step) => [keyOf(step), policyOf(step)]));
  return now.steps.some((step) => policyOf(step) !== was.get(keyOf(step)));
}

export function placeOf(target: Involved): string {
  const name = target.name === '' ? target.id.slice(0, 12) : target.name;
  return target.pod === ''
    ? `${name} on node ${target.node}`
    : `${target.namespace}/${target.pod}/${name} on node ${target.node}`;
}

export function actionInWords(action: Action): string {
  const parts = actionsIn(action).map(({ words }) => words);
  return `${parts.join('; ')}${lasts(action) ? `; for ${Math.round(action.leaseMs / 1000)} s` : ''}`;
}

/** What takes it back; of what is not, its name. */
export function undoInWords(action: Action): string {
  const never = irreversibleIn(action);
  const parts = [
    ...(lasts(action) ? ['release'] : []),
    ...(never.length > 0 ? [`none of ${never.join(', ')}`] : []),
  ];
  return parts.join(', ');
}

/** The plan for people, printed before anything is done. */
export function printPlan(plan: Plan): string {
  const lines = plan.steps.map(
    (step, index) =>
      `${index + 1}. [${step.verdict}] ${placeOf(step.target)}: ${actionInWords(step.action)}. Undo: ${undoInWords(step.action)}. Because ${step.because}.`,
  );
  return [`Plan ${plan.id} for incident ${plan.incident}`, ...lines].join('\n');
}
