/** Carries plans out: writes down what is done and by whom, makes the orders, and says what became of it. */
import type { Incident, IncidentState, Involved } from '../correlate/incident.ts';
import { containerKey, guardPlan, keyOf, type Situation, untouchable } from './guard.ts';
import type { Order, OrderFactory, OrderState } from './orders.ts';
import { actionInWords, type Plan, type PlanStep, planContainment, printPlan } from './plan.ts';
import type { Action, Policy } from './policy.ts';

/** A line of the append-only table of steps. */
export interface Step {
  readonly atMs: number;
  /** `policy:NAME`, `node:NAME`, `central`, or a person's name. */
  readonly actor: string;
  readonly action: 'plan' | 'contain' | 'approve' | 'undo' | 'answer' | 'expire' | 'policies' | 'enrol';
  readonly incident: string;
  readonly order: string;
  readonly text: string;
}
export type PlanState = 'recorded' | 'proposed' | 'executed' | 'approved';
export interface StoredPlan {
  readonly plan: Plan;
  readonly state: PlanState;
}

/** The slice of storage that responding needs; each call is part of one transaction. */
export interface ResponseStore {
  situation(incident: Incident | null, nowMs: number): Promise<Situation>;
  incident(id: string): Promise<Incident | null>;
  setIncidentState(id: string, state: IncidentState): Promise<void>;
  savePlan(plan: Plan, state: PlanState): Promise<void>;
  /** The last plan of an incident that waits for a person. */
  proposedPlan(incident: string): Promise<Plan | null>;
  addOrder(order: Order): Promise<void>;
  order(id: string): Promise<Order | null>;
  updateOrder(
    id: string,
    change: Partial<Pick<Order, 'state' | 'releasedBy' | 'detail' | 'untilMs' | 'effect'>>,
  ): Promise<void>;
  ordersOf(incident: string): Promise<readonly Order[]>;
  /** Contain orders that have not ended and whose time is over at `nowMs`. */
  overdue(nowMs: number): Promise<readonly Order[]>;
  appendStep(step: Step): Promise<void>;
}
export interface ResponseParts {
  readonly orders: OrderFactory;
  readonly nowMs: () => number;
}
export interface Outcome {
  readonly plan: Plan;
  readonly printed: string;
  readonly orders: readonly Order[];
  /** A person is asked about some of it. */
  readonly proposed: boolean;
}
/** Something a person asked for that is not done; a value, because people make mistakes. */
export interface Declined {
  readonly declined: 'not-found' | 'conflict' | 'forbidden';
  readonly message: string;
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

async function order(
  store: ResponseStore,
  parts: ResponseParts,
  wanted: {
    cluster: string;
    target: Involved;
    action: Action;
    actor: string;
    reason: string;
    incident: string;
    policy: string;
  },
): Promise<Order> {
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
  const plan = guardPlan(planContainment(incident, policies, nowMs), policies, situation);
  const printed = printPlan(plan);
  await store.appendStep({
    atMs: nowMs,
    actor: 'central',
    action: 'plan',
    incident: incident.id,
    order: '',
    text: printed,
  });
  const orders: Order[] = [];
  for (const step of plan.steps.filter(({ verdict }) => verdict === 'execute'))
    orders.push(
      await order(store, parts, {
        cluster: incident.cluster,
        target: step.target,
        action: step.action,
        actor: `policy:${step.policy?.name ?? ''}`,
        reason: incident.title.slice(0, REASON),
        incident: incident.id,
        policy: step.policy?.name ?? '',
      }),
    );
  const proposed = plan.steps.some(({ verdict }) => verdict === 'propose');
  await store.savePlan(plan, proposed ? 'proposed' : orders.length > 0 ? 'executed' : 'recorded');
  if (orders.length > 0) await store.setIncidentState(incident.id, 'contained');
  else if (proposed && incident.state !== 'contained') await store.setIncidentState(incident.id, 'awaiting');
  return { plan, printed, orders, proposed };
}

/** A person says yes to what was proposed. What no approval lifts is looked at again, as it is now. */
export async function approve(
  store: ResponseStore,
  parts: ResponseParts,
  asked: { incident: string; actor: string; reason: string; policies: readonly Policy[] },
): Promise<Outcome | Declined> {
  const { actor, reason, policies } = asked;
  const incident = await store.incident(asked.incident);
  if (incident === null) return { declined: 'not-found', message: `incident ${asked.incident}: unknown` };
  const proposal = await store.proposedPlan(incident.id);
  if (proposal === null)
    return { declined: 'conflict', message: `incident ${incident.id}: no plan waits for an approval` };
  const nowMs = parts.nowMs();
  const steps = proposal.steps.filter(({ verdict }) => verdict === 'propose');
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
  const orders: Order[] = [];
  const wanted = { cluster: incident.cluster, actor, reason, incident: incident.id, policy: '' };
  const willing = (step: PlanStep): boolean => step.verdict === 'propose';
  for (const { target, action } of plan.steps.filter(willing))
    orders.push(await order(store, parts, { ...wanted, target, action }));
  await store.savePlan({ ...proposal, steps: plan.steps }, 'approved');
  await settle(store, incident.id, 'open');
  return { plan, printed, orders, proposed: false };
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
): Promise<readonly Order[] | Declined> {
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
  const orders: Order[] = [];
  for (const target of free) orders.push(await order(store, parts, { ...asked, target, policy: '' }));
  await settle(store, asked.incident, 'open');
  return orders;
}
