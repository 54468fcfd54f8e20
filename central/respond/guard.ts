/** What keeps a plan from doing too much: reach, rate, what is protected. Pure; says why, step by step. */
import type { Involved } from '../correlate/incident.ts';
import { irreversibleIn } from './actions.ts';
import type { Plan, PlanStep } from './plan.ts';
import type { Policy } from './policy.ts';

/** A contain order that is in force or on its way. */
export interface ActiveContainment {
  readonly order: string;
  readonly node: string;
  readonly podUid: string;
  readonly containerName: string;
  readonly containerId: string;
  readonly workload: string;
  /** Empty: a person asked for it. */
  readonly policy: string;
}
/** What the guard looks at, as of now. */
export interface Situation {
  readonly active: readonly ActiveContainment[];
  /** Policy → contain orders in the last hour. */
  readonly lastHour: Readonly<Record<string, number>>;
  /** Containers that are live now, by `containerKey`. */
  readonly live: ReadonlySet<string>;
  /** Workload → live containers of it. */
  readonly replicas: Readonly<Record<string, number>>;
  /** Containers that were released in this incident, by `containerKey`. */
  readonly released: ReadonlySet<string>;
  /** Containers that a person would not have contained in this incident, by `containerKey`. */
  readonly refused: ReadonlySet<string>;
  /** Containers whose lease ran out in this incident, which has shown nothing new since; by `containerKey`. */
  readonly served: ReadonlySet<string>;
}

/** A container through its restarts: by pod and name; by id where there is no pod. */
export function containerKey(target: {
  node: string;
  podUid: string;
  containerName: string;
  containerId: string;
}): string {
  return target.podUid === ''
    ? `${target.node} ${target.containerId}`
    : `${target.podUid} ${target.containerName}`;
}
export const keyOf = (target: Involved): string =>
  containerKey({
    node: target.node,
    podUid: target.podUid,
    containerName: target.name,
    containerId: target.id,
  });

/** The kind in a workload's key: cluster/namespace/Kind/name/container. */
const kindOf = (workload: string): string => workload.split('/')[2] ?? '';

/** What is never contained, also when a person asks: the node itself, on which the agent and the network depend. */
export function untouchable(target: { workload: string; containerId: string }): string | null {
  if (kindOf(target.workload) === 'Node') return 'it is the node itself';
  return target.containerId === '' ? 'it has no container id' : null;
}

interface Counted {
  readonly byPolicy: Record<string, number>;
  readonly byWorkload: Record<string, number>;
  readonly lastHour: Record<string, number>;
}
function count<T>(entries: readonly T[], key: (entry: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const entry of entries) counts[key(entry)] = (counts[key(entry)] ?? 0) + 1;
  return counts;
}

/** Reasons that no approval lifts. */
function refusal(step: PlanStep, situation: Situation, policy: Policy | null): string | null {
  const { target } = step;
  const never = untouchable({ workload: target.workload, containerId: target.id });
  if (never !== null) return never;
  if (kindOf(target.workload) === 'Service') return 'services of the host are contained by people only';
  if ((policy?.protectedNamespaces ?? ['kube-system']).includes(target.namespace))
    return `namespace ${target.namespace} is protected`;
  if (!situation.live.has(keyOf(target))) return 'the container is not live any more';
  const there = situation.active.find((active) => containerKey(active) === keyOf(target));
  if (there !== undefined) return `it is already contained by ${there.order}`;
  if (situation.released.has(keyOf(target))) return 'a person released it in this incident';
  if (situation.refused.has(keyOf(target))) return 'a person refused it in this incident';
  return situation.served.has(keyOf(target)) ? 'its lease ran out and nothing new was seen since' : null;
}

/** What nothing takes back is never done without a policy in force that names it, whatever the plan says. */
function unnamed(step: PlanStep, policy: Policy): string | null {
  const missing = irreversibleIn(step.action).filter((name) => !irreversibleIn(policy.action).includes(name));
  return missing.length === 0
    ? null
    : `${missing.join(', ')} cannot be undone and ${policy.name} does not name it`;
}

/** Reasons that an approval lifts. */
function excess(
  step: PlanStep,
  situation: Situation,
  { policy, counted }: { policy: Policy; counted: Counted },
): string | null {
  const { limits, name } = policy;
  const { workload } = step.target;
  const held = (counted.byPolicy[name] ?? 0) + 1;
  if (held > limits.maxContainers)
    return `it would be container ${held} that ${name} holds, at most ${limits.maxContainers} (maxContainers)`;
  const replicas = Math.max(1, situation.replicas[workload] ?? 0);
  const percent = Math.round((100 * ((counted.byWorkload[workload] ?? 0) + 1)) / replicas);
  if (percent > limits.maxPercentOfWorkload)
    return `${percent} % of ${replicas} live replicas would be cut, at most ${limits.maxPercentOfWorkload} % (maxPercentOfWorkload)`;
  if ((counted.lastHour[name] ?? 0) + 1 > limits.perHour)
    return `${name} has contained ${counted.lastHour[name]} in the last hour, at most ${limits.perHour} (perHour)`;
  return null;
}

/** The plan with each step's verdict after the limits; what exceeds them is proposed to a person instead. */
export function guardPlan(plan: Plan, policies: readonly Policy[], situation: Situation): Plan {
  const counted: Counted = {
    byPolicy: count(situation.active, ({ policy }) => policy),
    byWorkload: count(situation.active, ({ workload }) => workload),
    lastHour: { ...situation.lastHour },
  };
  const steps = plan.steps.map((step): PlanStep => {
    const policy = policies.find(({ name }) => name === step.policy?.name) ?? null;
    if (step.verdict === 'record') return step;
    const refused = refusal(step, situation, policy);
    if (refused !== null) return { ...step, verdict: 'refuse', because: refused };
    if (step.verdict !== 'execute' || policy === null) return step;
    const exceeded = unnamed(step, policy) ?? excess(step, situation, { policy, counted });
    if (exceeded !== null) return { ...step, verdict: 'propose', because: exceeded };
    for (const [counts, key] of [
      [counted.byPolicy, policy.name],
      [counted.byWorkload, step.target.workload],
      [counted.lastHour, policy.name],
    ] as const)
      counts[key] = (counts[key] ?? 0) + 1;
    return step;
  });
  return { ...plan, steps };
}
