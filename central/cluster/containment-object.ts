/** A Containment as an object: from an order or a proposal to what is written, and back from what a person wrote. */
import type { KubeObject } from '../../kit/kube/resource.ts';
import type { Plan } from '../respond/plan.ts';
import { type Action, PolicyError, parsePolicies } from '../respond/policy.ts';
import { conditionOf } from './condition.ts';
import { API_VERSION, CONTAINMENTS, FINALIZER, MADE_BY } from './kinds.ts';

/**
 * Requested → Proposed (waits for a person), Pending (on its way to the node), Active → Released, Expired; Refused and
 * Failed: it never held.
 */
export type Phase =
  | 'Requested'
  | 'Proposed'
  | 'Pending'
  | 'Active'
  | 'Releasing'
  | 'Released'
  | 'Expired'
  | 'Refused'
  | 'Failed';

/** What is done on the node. */
type NodeAction = Omit<Action, 'cluster' | 'leaseMs'>;

/** An order with its pod, as the store has it. */
export interface ContainmentRow {
  readonly order: string;
  readonly state: string;
  /** The order that takes it back, or empty. */
  readonly releasedBy: string;
  readonly detail: string;
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly container: string;
  readonly action: NodeAction;
  readonly leaseMs: number;
  readonly issuedMs: number;
  readonly untilMs: number;
  readonly reason: string;
  readonly actor: string;
  readonly incident: string;
}

/** What is kept of an object. */
export interface Kept {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly deleted: boolean;
  readonly finalizers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
}

const object = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export function keep({ metadata, spec, status }: KubeObject): Kept | null {
  const { namespace, name, uid } = metadata;
  if (namespace === undefined || name === undefined || uid === undefined) return null;
  return {
    namespace,
    name,
    uid,
    generation: metadata.generation ?? 1,
    deleted: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? [],
    labels: metadata.labels ?? {},
    spec: object(spec),
    status: object(status),
  };
}

const ENDED: ReadonlySet<string> = new Set(['released', 'expired', 'failed', 'refused', 'done']);
export const hasEnded = ({ state }: Pick<ContainmentRow, 'state'>): boolean => ENDED.has(state);

export function phaseOf({ state, releasedBy }: Pick<ContainmentRow, 'state' | 'releasedBy'>): Phase {
  if (state === 'released') return 'Released';
  if (state === 'expired') return 'Expired';
  if (state === 'failed') return 'Failed';
  if (state === 'refused') return 'Refused';
  if (releasedBy !== '') return 'Releasing';
  return state === 'applied' ? 'Active' : 'Pending';
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)}s`;
const time = (ms: number): string => new Date(ms).toISOString();

function head(namespace: string, name: string, labels: Readonly<Record<string, string>>): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: CONTAINMENTS.kind,
    metadata: { namespace, name, labels: { ...MADE_BY, ...labels } },
  };
}

/** As an object says it: without what came later where it is not asked for, as one that was made without it. */
function actionIn({ networkDeny, killOnExec, execDeny, cutProbes, allow, freeze, kill }: NodeAction): object {
  const flags = { networkDeny, killOnExec, ...(execDeny ? { execDeny } : {}), cutProbes, freeze, kill };
  return allow.length === 0 ? flags : { ...flags, allow };
}

/** The object of an order that has none. */
export function objectOfOrder(row: ContainmentRow): KubeObject {
  const made = head(row.namespace, row.order, { 'picket.dev/order': row.order });
  return {
    ...made,
    metadata: { ...made.metadata, finalizers: [FINALIZER] },
    spec: {
      pod: row.pod,
      podUID: row.podUid,
      container: row.container,
      action: actionIn(row.action),
      lease: seconds(row.leaseMs),
      reason: row.reason,
      ...(row.incident === '' ? {} : { incident: row.incident }),
      requestedBy: row.actor,
    },
  };
}

export interface Proposal {
  readonly plan: Plan;
  readonly title: string;
}

/** One object for each container of a pod that a plan would contain once a person says yes. */
export function objectsOfProposal({ plan, title }: Proposal): KubeObject[] {
  return plan.steps.flatMap(({ verdict, target, action, policy }, index) => {
    if (verdict !== 'propose' || target.pod === '' || target.namespace === '') return [];
    const labels = { 'picket.dev/plan': plan.id, 'picket.dev/incident': plan.incident };
    const made = head(target.namespace, `${plan.id}-${index}`, labels);
    return [
      {
        ...made,
        // Who puts it away while central is down says no all the same: it waits to be read.
        metadata: { ...made.metadata, finalizers: [FINALIZER] },
        spec: {
          pod: target.pod,
          podUID: target.podUid,
          container: target.name,
          action: actionIn(action),
          lease: seconds(action.leaseMs),
          reason: title.slice(0, 500) || 'no title',
          incident: plan.incident,
          requestedBy: policy === null ? 'central' : `policy:${policy.name}`,
        },
      },
    ];
  });
}

/** Whether the plan has, or had before it was made again with fewer steps, this object. */
export const isObjectOf = ({ id, steps }: Plan, { namespace, name }: Kept): boolean =>
  steps.some(({ target }, index) => target.namespace === namespace && name === `${id}-${index}`);

export interface Told {
  readonly phase: Phase;
  readonly message: string;
  readonly order?: string;
  readonly node?: string;
  readonly untilMs?: number;
}

/** The status that says so. */
export function statusOf(kept: Kept, told: Told, nowMs: number): Record<string, unknown> {
  const { phase, message, order, node, untilMs = 0 } = told;
  const condition = conditionOf(kept.status['conditions'], {
    type: 'Active',
    holds: phase === 'Active',
    reason: phase,
    message,
    generation: kept.generation,
    nowMs,
  });
  return {
    phase,
    message,
    observedGeneration: kept.generation,
    ...(order === undefined ? {} : { order }),
    ...(node === undefined ? {} : { node }),
    ...(untilMs === 0 ? {} : { until: time(untilMs) }),
    conditions: [condition],
  };
}

/** What a row says of its object. */
export const toldOf = (row: ContainmentRow): Told => ({
  phase: phaseOf(row),
  message: row.detail,
  order: row.order,
  node: row.node,
  untilMs: row.state === 'applied' ? row.untilMs : 0,
});

/** Nothing of it would be another. */
export function isTold({ status, generation }: Kept, told: Told): boolean {
  const until = told.untilMs ? time(told.untilMs) : status['until'];
  return (
    status['phase'] === told.phase &&
    status['message'] === told.message &&
    status['observedGeneration'] === generation &&
    (told.order === undefined || status['order'] === told.order) &&
    status['until'] === until
  );
}

/** The action that a person asks for, read as a policy's is; or what is wrong with it. */
export function actionOf({ name, spec }: Kept): Action | { readonly problem: string } {
  const action = {
    ...object(spec['action']),
    ...(spec['lease'] === undefined ? {} : { lease: spec['lease'] }),
  };
  const document = {
    apiVersion: API_VERSION,
    kind: 'PicketPolicy',
    metadata: { name },
    spec: { mode: 'enforce', action },
  };
  try {
    const [policy] = parsePolicies([{ path: 'spec', text: JSON.stringify(document) }]).policies;
    return policy?.action ?? { problem: 'no action' };
  } catch (error) {
    if (error instanceof PolicyError) return { problem: error.violations.join('; ') };
    throw error;
  }
}
