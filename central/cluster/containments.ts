/**
 * Keeps the Containment objects of one cluster and the orders of central in step: each order about a pod has an object, an
 * object that a person makes is a request under the policies, one that is deleted takes its containment back. Each pass
 * compares all that there is, so that whatever was missed, or cut off by a crash, is done at the next.
 */
import type { KubeClient } from '../../kit/kube/client.ts';
import { isKubeError } from '../../kit/kube/error.ts';
import { Mirror } from '../../kit/kube/mirror.ts';
import type { KubeObject } from '../../kit/kube/resource.ts';
import type { WatchTiming } from '../../kit/kube/watch.ts';
import type { Involved } from '../correlate/incident.ts';
import type { Declined } from '../respond/execute.ts';
import type { Order } from '../respond/orders.ts';
import type { Plan, PlanStep } from '../respond/plan.ts';
import type { Action } from '../respond/policy.ts';
import {
  actionOf,
  type ContainmentRow,
  hasEnded,
  isObjectOf,
  isTold,
  type Kept,
  keep,
  objectOfOrder,
  objectsOfProposal,
  type Proposal,
  statusOf,
  type Told,
  text,
  toldOf,
} from './containment-object.ts';
import { tellEvent } from './event.ts';
import { CONTAINMENTS, FINALIZER } from './kinds.ts';
import type { Canary } from './seeing.ts';

export interface PodContainer extends Involved {
  readonly cluster: string;
}
/** What the objects are made from. */
export interface ObjectSource {
  /** Those in force, and those issued since. */
  containments(asked: { cluster: string; sinceMs: number }): Promise<readonly ContainmentRow[]>;
  /** Plans that wait for a person. */
  proposals(asked: { cluster: string }): Promise<readonly Proposal[]>;
  /** Those of these plans that waited for a person until a newer plan took their place. */
  superseded(asked: { cluster: string; plans: readonly string[] }): Promise<readonly Proposal[]>;
  /** Live ones. */
  containersOfPod(asked: {
    cluster: string;
    namespace: string;
    pod: string;
  }): Promise<readonly PodContainer[]>;
  nodes(asked: { cluster: string }): Promise<readonly NodeRow[]>;
}
export interface NodeRow {
  readonly node: string;
  readonly lastSeenMs: number;
  readonly health: Readonly<Record<string, unknown>> | null;
  readonly canary: Canary | null;
}
interface PlanDeed {
  readonly incident: string;
  readonly plan: string;
  readonly actor: string;
  readonly reason: string;
}
/** What a person can have done through an object. */
export interface ObjectDeeds {
  /** What the policies say to it, as if it were a step of a plan. */
  guard(target: Involved, action: Action): Promise<Pick<PlanStep, 'verdict' | 'because'>>;
  contain(asked: {
    incident: string;
    containers: readonly PodContainer[];
    action: Action;
    actor: string;
    reason: string;
  }): Promise<{ readonly orders: readonly Order[] } | Declined>;
  undo(asked: { order: string; actor: string; reason: string }): Promise<object | Declined>;
  approve(asked: PlanDeed): Promise<object | Declined>;
  refuse(asked: PlanDeed): Promise<object | Declined>;
}

export interface ContainmentsParts {
  readonly cluster: string;
  readonly client: KubeClient;
  readonly source: ObjectSource;
  readonly deeds: ObjectDeeds;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
  /** Counts what was done, by what. */
  readonly count: (deed: string) => void;
  readonly timing?: WatchTiming;
}

/** An object whose containment has ended stays for so long, to be looked at. */
const KEPT_MS = 3_600_000;
/** Of one cluster; further ones are not looked at. */
const MAX_OBJECTS = 5000;
/** Proposals that went between two passes, and objects that we deleted and the watch has not told of yet. */
const MAX_GONE = 5000;
/** Policies wait so long for a list of what people put away by now. */
const NOES_MS = 10_000;
const ENDED_PHASES: ReadonlySet<unknown> = new Set(['Released', 'Expired', 'Refused', 'Failed']);

/** End of the workload of what is in a pod and not in its list, as agents name it: the sandbox is live in each pod. */
export const UNLISTED = '/-';

const keyOf = ({ namespace, name }: { namespace: string; name: string }): string => `${namespace}/${name}`;

const keyOfObject = ({ metadata: { namespace = '', name = '' } }: KubeObject): string =>
  keyOf({ namespace, name });

export class Containments {
  readonly #parts: ContainmentsParts;
  readonly #objects: Mirror<Kept>;
  /** Keys of objects that a person deleted, with the plans that they said to be of; the next pass refuses the plans. */
  readonly #dismissed = new Map<string, string>();
  /** Uids of objects that went by our own doing. */
  readonly #removed = new Set<string>();
  readonly #stopping = new AbortController();

  constructor(parts: ContainmentsParts) {
    this.#parts = parts;
    this.#objects = new Mirror({
      client: parts.client,
      query: { what: { resource: CONTAINMENTS }, reduce: keep },
      keyOf,
      maxObjects: MAX_OBJECTS,
      changed: (kind, item, before) => {
        if (kind === 'DELETED' && !this.#removed.delete(item.uid) && before !== null) this.#gone(item);
      },
      problem: parts.onError,
      timing: parts.timing,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stopping.abort(), { once: true });
    await this.#objects.run(signal);
  }

  get inStep(): boolean {
    return this.#objects.inStep;
  }

  /** One pass. To be called again and again, never twice at once. Nothing is done before the objects are known. */
  async pass(): Promise<void> {
    if (!this.#objects.known) return;
    const { cluster, source, nowMs } = this.#parts;
    const rows = await source.containments({ cluster, sinceMs: nowMs() - KEPT_MS });
    const before = await source.proposals({ cluster });
    const refused = await this.#takeNos(before, this.#putAway());
    // A no may have had an incident planned for anew.
    const waiting = refused.done.size > 0 ? await source.proposals({ cluster }) : before;
    const orders = new Map(rows.map((row) => [row.order, row]));
    const bound = new Map<string, Kept>();
    const asking: Kept[] = [];
    for (const kept of this.#objects.all()) {
      const order = orderOf(kept);
      // Of another namespace it is nobody's: whoever may write there may not take this one back.
      if (order !== '' && (orders.get(order)?.namespace ?? kept.namespace) === kept.namespace)
        bound.set(order, kept);
      else if (order === '' && kept.labels['picket.dev/plan'] === undefined) asking.push(kept);
    }
    for (const row of rows) await this.#try(() => this.#row(row, bound.get(row.order) ?? null));
    for (const [order, kept] of bound) if (!orders.has(order)) await this.#try(() => this.#forgotten(kept));
    for (const kept of asking) await this.#try(() => this.#request(kept, rows));
    await this.#proposals(waiting, refused.failed);
  }

  /**
   * Takes what people put away by now, as the API server has it: a watch may not have told yet. @throws where it could
   * not be read, or not be taken
   */
  async takeNos(): Promise<void> {
    const { cluster, source } = this.#parts;
    const away = await this.#putAwayNow();
    const { failed } = await this.#takeNos(await source.proposals({ cluster }), away);
    if (failed.size > 0) throw new Error(`not taken: what was said to ${[...failed].join(', ')}`);
  }

  /** One object that fails keeps none of the others. */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // It went, or was changed, meanwhile: the watch tells, and the next pass sees it.
      if (isKubeError(error, 'NotFound') || isKubeError(error, 'Conflict')) return;
      this.#parts.onError(error);
    }
  }

  async #row(row: ContainmentRow, kept: Kept | null): Promise<void> {
    if (kept === null) {
      if (!hasEnded(row) && row.pod !== '' && row.namespace !== '') await this.#make(objectOfOrder(row));
      return;
    }
    if (kept.deleted && !hasEnded(row) && row.releasedBy === '') {
      const reason = `Containment ${keyOf(kept)} was deleted`;
      await this.#parts.deeds.undo({ order: row.order, actor: 'kubernetes', reason });
      this.#parts.count('undo');
      return;
    }
    await this.#tell(kept, toldOf(row));
    if (hasEnded(row)) await this.#letGo(kept);
  }

  /** Its order ended long ago, or its plan waits no more. */
  async #forgotten(kept: Kept): Promise<void> {
    await this.#letGo(kept);
    if (!kept.deleted) await this.#remove(kept);
  }

  /** `untold`: plans of which the person's no was not taken yet: their objects, which say it, stay as they are. */
  async #proposals(proposals: readonly Proposal[], untold: ReadonlySet<string>): Promise<void> {
    const plans = new Map(proposals.map(({ plan }) => [plan.id, plan]));
    const wanted = new Set(proposals.flatMap(objectsOfProposal).map(keyOfObject));
    for (const proposal of proposals.filter(({ plan }) => !untold.has(plan.id)))
      for (const one of objectsOfProposal(proposal))
        await this.#try(() => this.#proposal(proposal.plan, one));
    for (const kept of this.#objects.all()) {
      const id = kept.labels['picket.dev/plan'];
      if (id === undefined || untold.has(id)) continue;
      const plan = plans.get(id);
      // Decided, and the orders that came of it have objects of their own; or this step of it is not proposed any more.
      const isOver = plan === undefined || (isObjectOf(plan, kept) && !wanted.has(keyOf(kept)));
      if (isOver) await this.#try(() => this.#forgotten(kept));
    }
  }

  /**
   * A person put an object of a plan away, which says no to the plan as approvedBy on it would have said yes. Only the
   * object that the plan has counts: whoever may write elsewhere refuses nothing here. A plan in whose place is another
   * by now is refused all the same. Ids of plans: those refused, and those that could not be now.
   */
  async #takeNos(
    waiting: readonly Proposal[],
    away: ReadonlyMap<string, string>,
  ): Promise<{ done: ReadonlySet<string>; failed: ReadonlySet<string> }> {
    const { cluster, source } = this.#parts;
    const ids = new Set(waiting.map(({ plan }) => plan.id));
    const before = [...new Set(away.values())].filter((id) => !ids.has(id));
    const proposals = [...waiting, ...(await source.superseded({ cluster, plans: before }))];
    const [done, failed] = [new Set<string>(), new Set<string>()];
    for (const proposal of proposals) {
      const keys = objectsOfProposal(proposal).map(keyOfObject);
      const key = keys.find((one) => away.has(one));
      if (key === undefined) continue;
      failed.add(proposal.plan.id);
      await this.#try(async () => {
        await this.#refuse(proposal.plan, key);
        failed.delete(proposal.plan.id);
        done.add(proposal.plan.id);
      });
    }
    const open = new Set(proposals.flatMap(objectsOfProposal).map(keyOfObject));
    for (const key of away.keys()) if (!open.has(key)) this.#dismissed.delete(key);
    return { done, failed };
  }

  /** Keys of objects that people put away, with the plans that they say to be of. */
  #putAway(): Map<string, string> {
    const away = new Map(this.#dismissed);
    for (const kept of this.#objects.all()) addPutAway(away, kept);
    return away;
  }

  /** The same, of the objects as they are now. */
  async #putAwayNow(): Promise<Map<string, string>> {
    const signal = AbortSignal.any([AbortSignal.timeout(NOES_MS), this.#stopping.signal]);
    const away = this.#putAway();
    try {
      for await (const one of this.#parts.client.each({ resource: CONTAINMENTS }, { signal })) {
        const kept = keep(one);
        if (kept !== null) addPutAway(away, kept);
      }
    } catch (error) {
      // Where the kind is not there, nothing of it is.
      if (!isKubeError(error, 'NotFound')) throw error;
    }
    return away;
  }

  async #refuse({ id, incident }: Plan, key: string): Promise<void> {
    const reason = `Containment ${key} was deleted`;
    const outcome = await this.#parts.deeds.refuse({ incident, plan: id, actor: 'kubernetes', reason });
    // It was decided meanwhile.
    if (!('declined' in outcome)) this.#parts.count('refuse');
  }

  async #proposal({ id, incident }: Plan, wanted: KubeObject): Promise<void> {
    const key = keyOfObject(wanted);
    const kept = this.#objects.get(key);
    if (kept === null) {
      if (!this.#dismissed.has(key)) await this.#make(wanted);
      return;
    }
    // Made by a central of before, which knew none.
    if (!kept.deleted && !kept.finalizers.includes(FINALIZER)) await this.#hold(kept);
    const approvedBy = text(kept.spec['approvedBy']);
    if (approvedBy === '') {
      const message = 'waits for a person: set spec.approvedBy to your user name';
      await this.#tell(kept, { phase: 'Proposed', message });
      return;
    }
    // Of the plan that has this object, not of its labels, which whoever may write here may change.
    const asked = {
      ...{ incident, plan: id },
      actor: `kubernetes:${approvedBy}`,
      reason: `approved on Containment ${keyOf(kept)}`,
    };
    const outcome = await this.#parts.deeds.approve(asked);
    this.#parts.count('approve');
    if ('declined' in outcome) await this.#tell(kept, { phase: 'Refused', message: outcome.message });
  }

  /** A person made it. */
  async #request(kept: Kept, rows: readonly ContainmentRow[]): Promise<void> {
    if (kept.deleted) return this.#letGo(kept);
    if (ENDED_PHASES.has(kept.status['phase'])) return;
    const known = rows.find(({ reason }) => reason.endsWith(markOf(kept)));
    if (known !== undefined) return this.#tell(kept, toldOf(known)); // made before a crash, and not yet written here
    const action = actionOf(kept);
    if ('problem' in action) return this.#tell(kept, { phase: 'Refused', message: action.problem });
    const target = await this.#targetOf(kept);
    if (typeof target === 'string') return this.#tell(kept, { phase: 'Refused', message: target });
    const { verdict, because } = await this.#parts.deeds.guard(target, action);
    if (verdict === 'refuse') return this.#tell(kept, { phase: 'Refused', message: because });
    const approvedBy = text(kept.spec['approvedBy']);
    if (verdict !== 'execute' && approvedBy === '')
      return this.#tell(kept, { phase: 'Proposed', message: `${because}; it waits for spec.approvedBy` });
    if (!kept.finalizers.includes(FINALIZER)) await this.#hold(kept);
    await this.#contain(kept, target, action);
  }

  async #contain(kept: Kept, target: PodContainer, action: Action): Promise<void> {
    const [requestedBy, approvedBy] = [text(kept.spec['requestedBy']), text(kept.spec['approvedBy'])];
    const by = approvedBy === '' ? '' : `, approved by ${approvedBy}`;
    const result = await this.#parts.deeds.contain({
      incident: '',
      containers: [target],
      action,
      actor: `kubernetes:${requestedBy || 'unknown'}`,
      reason: `${text(kept.spec['reason'])}${by} ${markOf(kept)}`,
    });
    this.#parts.count('contain');
    const [order] = 'declined' in result ? [] : result.orders;
    if ('declined' in result) await this.#tell(kept, { phase: 'Refused', message: result.message });
    else if (order !== undefined)
      await this.#tell(kept, { phase: 'Pending', message: '', order: order.id, node: order.node });
  }

  /** The container that is meant, or why none is. */
  async #targetOf({ namespace, spec }: Kept): Promise<PodContainer | string> {
    const { cluster, source } = this.#parts;
    const pod = text(spec['pod']);
    const all = await source.containersOfPod({ cluster, namespace, pod });
    const [uid, name] = [text(spec['podUID']), text(spec['container'])];
    const isMeant = (one: PodContainer): boolean =>
      name === '' ? !one.workload.endsWith(UNLISTED) : one.name === name;
    const fit = all.filter((one) => (uid === '' || one.podUid === uid) && isMeant(one));
    const [first, second] = fit;
    if (first === undefined) return `no live container ${name} of pod ${namespace}/${pod} is known`;
    return second === undefined
      ? first
      : `spec.container: name one of ${fit.map((one) => one.name).join(', ')}`;
  }

  async #make(wanted: KubeObject): Promise<void> {
    const { namespace = '' } = wanted.metadata;
    const made = await this.#parts.client
      .create({ resource: CONTAINMENTS, namespace }, wanted)
      .catch((error: unknown) => {
        if (isKubeError(error, 'AlreadyExists')) return null;
        throw error;
      });
    const kept = made === null ? null : keep(made);
    if (kept !== null) this.#objects.put(kept);
    this.#parts.count('create');
  }

  /** Status and an Event, where anything changed. */
  async #tell(kept: Kept, told: Told): Promise<void> {
    if (isTold(kept, told)) return;
    const status = statusOf(kept, told, this.#parts.nowMs());
    const ref = { resource: CONTAINMENTS, namespace: kept.namespace, name: kept.name };
    const made = keep(await this.#parts.client.patch(ref, { status }, { subresource: 'status' }));
    if (made !== null) this.#objects.put(made);
    const news = told.message !== '' && kept.status['message'] !== told.message;
    if (kept.status['phase'] !== told.phase || news) await this.#event(kept, told);
  }

  async #event(kept: Kept, { phase, message, node = '' }: Told): Promise<void> {
    const { client, nowMs, cluster } = this.#parts;
    const { namespace, name, uid } = kept;
    const where = node === '' ? '' : ` on node ${node} of ${cluster}`;
    const told = {
      ...{ resource: CONTAINMENTS, namespace, name, uid },
      type: phase === 'Failed' || phase === 'Refused' ? 'Warning' : 'Normal',
      reason: phase,
      message: `${text(kept.spec['pod'])}/${text(kept.spec['container'])}${where}: ${message || phase}`,
    } as const;
    await tellEvent(client, told, nowMs());
  }

  /** From now on it goes only when its containment has ended. */
  async #hold(kept: Kept): Promise<void> {
    await this.#finalizers(kept, [...kept.finalizers, FINALIZER]);
  }

  async #letGo(kept: Kept): Promise<void> {
    if (kept.finalizers.includes(FINALIZER))
      await this.#finalizers(
        kept,
        kept.finalizers.filter((one) => one !== FINALIZER),
      );
  }

  async #finalizers(kept: Kept, finalizers: readonly string[]): Promise<void> {
    const ref = { resource: CONTAINMENTS, namespace: kept.namespace, name: kept.name };
    const made = keep(await this.#parts.client.patch(ref, { metadata: { finalizers } }));
    if (made !== null && this.#objects.get(keyOf(kept)) !== null) this.#objects.put(made);
  }

  async #remove(kept: Kept): Promise<void> {
    const ref = { resource: CONTAINMENTS, namespace: kept.namespace, name: kept.name };
    if (this.#removed.size >= MAX_GONE) this.#removed.clear();
    this.#removed.add(kept.uid);
    await this.#parts.client.delete(ref, { uid: kept.uid }).catch((error: unknown) => {
      this.#removed.delete(kept.uid);
      throw error;
    });
    this.#objects.drop(kept);
    this.#parts.count('delete');
  }

  /** Not by us, as then it is not known any more: a person put the proposal away. */
  #gone(kept: Kept): void {
    const plan = kept.labels['picket.dev/plan'];
    if (plan === undefined) return;
    if (this.#dismissed.size < MAX_GONE) this.#dismissed.set(keyOf(kept), plan);
    else this.#parts.count('refuse-lost');
  }
}

/** What central deletes itself it lets go first: others may hold it longer. */
function addPutAway(away: Map<string, string>, kept: Kept): void {
  const plan = kept.labels['picket.dev/plan'];
  if (plan !== undefined && kept.deleted && kept.finalizers.includes(FINALIZER)) away.set(keyOf(kept), plan);
}

/** Of the status, which only central writes; before that is written, the name that central gave. */
const orderOf = ({ name, labels, status }: Kept): string =>
  text(status['order']) || (labels['picket.dev/order'] === name ? name : '');

/** Stands at the end of the reason of the order that an object asked for: found again by it after a crash. */
const markOf = (kept: Kept): string => `(Containment ${keyOf(kept)} ${kept.uid})`;
