/** Carries plans out: writes down what is done and by whom, makes the orders, and says what became of it. */
import type { Incident, IncidentState, Involved } from '../correlate/incident.ts';
import { onNode } from './actions.ts';
import { askCluster } from './cluster/ask.ts';
import type { ClusterOrder, ClusterStore } from './cluster/order.ts';
import type { Declined } from './declined.ts';
import { containerKey, guardPlan, keyOf, type Situation, untouchable } from './guard.ts';
import type { Order, OrderFactory, OrderState } from './orders.ts';
import { actionInWords, type Plan, type PlanStep, planContainment, printPlan } from './plan.ts';
import type { Action, Policy } from './policy.ts';

export type { Declined } from './declined.ts';
export type { Step } from './step.ts';

export type PlanState = 'recorded' | 'proposed' | 'executed' | 'approved' | 'refused';
export interface StoredPlan {
  readonly plan: Plan;
  readonly state: PlanState;
}

/** The slice of storage that responding needs; each call is part of one transaction. */
export interface ResponseStore extends ClusterStore {
  situation(incident: Incident | null, nowMs: number): Promise<Situation>;
  incident(id: string): Promise<Incident | null>;
  setIncidentState(id: string, state: IncidentState): Promise<void>;
  savePlan(plan: Plan, state: PlanState): Promise<void>;
  /** The id for a plan that is made anew: what was executed, approved or refused under its own keeps that. */
  freePlanId(id: string): Promise<string>;
  /** The last plan of an incident that waits for a person. */
  proposedPlan(incident: string): Promise<Plan | null>;
  /** That plan of the incident, if it waited for a person and a newer one has taken its place. */
  supersededPlan(incident: string, plan: string): Promise<Plan | null>;
  /** The last plan of an incident, whatever became of it. */
  lastPlan(incident: string): Promise<Plan | null>;
  addOrder(order: Order): Promise<void>;
  order(id: string): Promise<Order | null>;
  updateOrder(
    id: string,
    change: Partial<Pick<Order, 'state' | 'releasedBy' | 'detail' | 'untilMs' | 'effect'>>,
  ): Promise<void>;
  ordersOf(incident: string): Promise<readonly Order[]>;
  /** Contain orders that have not ended and whose time is over at `nowMs`. */
  overdue(nowMs: number): Promise<readonly Order[]>;
}
export interface ResponseParts {
  readonly orders: OrderFactory;
  readonly nowMs: () => number;
}
export interface Outcome {
  readonly plan: Plan;
  readonly printed: string;
  readonly orders: readonly Order[];
  /** What central does in the cluster itself. */
  readonly clusterOrders: readonly ClusterOrder[];
  /** A person is asked about some of it. */
  readonly proposed: boolean;
}
/** Characters of an incident's title that go into its orders. */
const REASON = 500;
const ACTIVE: readonly OrderState[] = ['queued', 'sent', 'applied'];
export const isActive = (order: Pick<Order, 'state' | 'releasedBy'>): boolean =>
  ACTIVE.includes(order.state) && order.releasedBy === '';

/** Where an incident stands after its orders changed; `otherwise` when none is in force. */
export async function settle(
  store: ResponseStore,
  incident: string,
  otherwise: IncidentState,
): Promise<void> {
  if (incident === '') return;
  const orders = await store.ordersOf(incident);
  const held = orders.some((order) => order.kind === 'contain' && isActive(order));
  await store.setIncidentState(incident, held ? 'contained' : otherwise);
}

const targetOf = (target: Involved): Order['target'] => ({
  podUid: target.podUid,
  containerName: target.name,
  containerId: target.id,
  workload: target.workload,
});

interface Wanted {
  readonly cluster: string;
  readonly target: Involved;
  readonly action: Action;
  readonly actor: string;
  readonly reason: string;
  readonly incident: string;
  readonly policy: string;
}
export interface Ordered {
  readonly orders: readonly Order[];
  readonly clusterOrders: readonly ClusterOrder[];
}

/** An order for the node, and one for each thing that is to be done in the cluster. */
async function order(store: ResponseStore, parts: ResponseParts, wanted: Wanted): Promise<Ordered> {
  const { action } = wanted;
  const { leaseMs, cluster: actions } = action;
  const clusterOrders = await askCluster(store, { ...wanted, actions, leaseMs }, parts.nowMs());
  return { orders: onNode(action) ? [await nodeOrder(store, parts, wanted)] : [], clusterOrders };
}

async function all(store: ResponseStore, parts: ResponseParts, wanted: readonly Wanted[]): Promise<Ordered> {
  const made: Ordered[] = [];
  for (const one of wanted) made.push(await order(store, parts, one));
  return {
    orders: made.flatMap(({ orders }) => orders),
    clusterOrders: made.flatMap(({ clusterOrders }) => clusterOrders),
  };
}

async function nodeOrder(store: ResponseStore, parts: ResponseParts, wanted: Wanted): Promise<Order> {
  const made = parts.orders.contain({ ...wanted, node: wanted.target.node, target: targetOf(wanted.target) });
  await store.addOrder(made);
  const text = `contain (${actionInWords(wanted.action)}) ${wanted.target.namespace}/${wanted.target.pod}/${wanted.target.name} on ${wanted.target.node}: ${wanted.reason}`;
  const { incident, actor } = wanted;
  await store.appendStep({ atMs: parts.nowMs(), actor, action: 'contain', incident, order: made.id, text });
  return made;
}

/** An incident that was opened or has become worse: plan, guard, write down, order. */
export async function respond(
  store: ResponseStore,
  parts: ResponseParts,
  subject: { incident: Incident; policies: readonly Policy[] },
): Promise<Outcome> {
  const { incident, policies } = subject;
  const nowMs = parts.nowMs();
  const situation = await store.situation(incident, nowMs);
  const made = planContainment(incident, policies, nowMs);
  const plan = guardPlan({ ...made, id: await store.freePlanId(made.id) }, policies, situation);
  const printed = printPlan(plan);
  await store.appendStep({
    atMs: nowMs,
    actor: 'central',
    action: 'plan',
    incident: incident.id,
    order: '',
    text: printed,
  });
  const wanted = plan.steps
    .filter(({ verdict }) => verdict === 'execute')
    .map(({ target, action, policy }) => ({
      cluster: incident.cluster,
      target,
      action,
      actor: `policy:${policy?.name ?? ''}`,
      reason: incident.title.slice(0, REASON),
      incident: incident.id,
      policy: policy?.name ?? '',
    }));
  const { orders, clusterOrders } = await all(store, parts, wanted);
  const proposed = plan.steps.some(({ verdict }) => verdict === 'propose');
  await store.savePlan(plan, proposed ? 'proposed' : wanted.length > 0 ? 'executed' : 'recorded');
  if (orders.length > 0) await store.setIncidentState(incident.id, 'contained');
  else if (proposed && incident.state !== 'contained') await store.setIncidentState(incident.id, 'awaiting');
  // The policy that asked is not in force any more.
  else if (incident.state === 'awaiting') await store.setIncidentState(incident.id, 'open');
  return { plan, printed, orders, clusterOrders, proposed };
}

/** The plan that waits for a person, if it is the one that the person means. */
export async function waiting(
  store: ResponseStore,
  incident: string,
  plan: string | undefined,
): Promise<Plan | Declined> {
  const proposal = await store.proposedPlan(incident);
  if (proposal === null)
    return { declined: 'conflict', message: `incident ${incident}: no plan waits for an approval` };
  if (plan === undefined || plan === proposal.id) return proposal;
  const message = `incident ${incident}: ${proposal.id} waits for an approval now, not ${plan}: read it first`;
  return { declined: 'conflict', message };
}

/** A person says yes to what was proposed. What no approval lifts is looked at again, as it is now. */
export async function approve(
  store: ResponseStore,
  parts: ResponseParts,
  asked: {
    incident: string;
    /** The plan that the person has read; without it, whichever waits. */
    plan?: string;
    actor: string;
    reason: string;
    policies: readonly Policy[];
    /** Actions in the cluster that this person may not have done. */
    without?: readonly string[];
  },
): Promise<Outcome | Declined> {
  const { actor, reason, policies, without = [] } = asked;
  const incident = await store.incident(asked.incident);
  if (incident === null) return { declined: 'not-found', message: `incident ${asked.incident}: unknown` };
  const proposal = await waiting(store, incident.id, asked.plan);
  if ('declined' in proposal) return proposal;
  const nowMs = parts.nowMs();
  const steps = proposal.steps.filter(({ verdict }) => verdict === 'propose');
  const denied = steps.flatMap(({ action }) => action.cluster).find((name) => without.includes(name));
  if (denied !== undefined)
    return { declined: 'forbidden', message: `${denied} reaches beyond the namespaces that ${actor} is for` };
  const plan = guardPlan({ ...proposal, steps }, policies, await store.situation(incident, nowMs));
  const printed = printPlan(plan);
  await store.appendStep({
    atMs: nowMs,
    actor,
    action: 'approve',
    incident: incident.id,
    order: '',
    text: `${reason}\n${printed}`,
  });
  const by = { cluster: incident.cluster, actor, reason, incident: incident.id, policy: '' };
  const willing = (step: PlanStep): boolean => step.verdict === 'propose';
  const wanted = plan.steps.filter(willing).map(({ target, action }) => ({ ...by, target, action }));
  const { orders, clusterOrders } = await all(store, parts, wanted);
  // Whole: a container that the plan does not name would count as one that nothing was planned for.
  const decided = plan.steps[Symbol.iterator]();
  const whole = proposal.steps.map((step) =>
    step.verdict === 'propose' ? (decided.next().value ?? step) : step,
  );
  await store.savePlan({ ...proposal, steps: whole }, 'approved');
  await settle(store, incident.id, 'open');
  return { plan, printed, orders, clusterOrders, proposed: false };
}

/** A person contains containers, with or without an incident. Limits of policies do not bind people; what is untouchable does. */
export async function containByHand(
  store: ResponseStore,
  parts: ResponseParts,
  asked: {
    cluster: string;
    targets: readonly Involved[];
    action: Action;
    actor: string;
    reason: string;
    incident: string;
  },
): Promise<Ordered | Declined> {
  const situation = await store.situation(null, parts.nowMs());
  for (const target of asked.targets) {
    const never = untouchable({ workload: target.workload, containerId: target.id });
    if (never !== null) return { declined: 'forbidden', message: `container ${target.id}: ${never}` };
  }
  const free = asked.targets.filter(
    (target) =>
      !situation.active.some((active) => containerKey(active) === keyOf(target)) &&
      situation.live.has(keyOf(target)),
  );
  if (free.length === 0)
    return {
      declined: 'conflict',
      message: 'each of these containers is already contained or not live any more',
    };
  const made = await all(
    store,
    parts,
    free.map((target) => ({ ...asked, target, policy: '' })),
  );
  await settle(store, asked.incident, 'open');
  return made;
}
