/**
 * What happens to a report and to what people ask for, from stage to stage. A report with what it does to incidents
 * is one transaction; the response to each incident is another, so that a fault in responding never refuses a report.
 */
import type { Clock } from '../kit/clock.ts';
import type { Log } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import { meansHashed } from '../kit/private-value.ts';
import { type HashKey, hasherOf } from '../kit/sketch/hash-key.ts';
import type { EventBook } from './cluster/event-book.ts';
import type { Noes } from './cluster/noes.ts';
import { guardRequest } from './cluster/request.ts';
import type { Deeds } from './console/routes.ts';
import { correlate } from './correlate/engine.ts';
import type { ExceptionRule } from './correlate/exception.ts';
import type { Evidence, Incident, IncidentChange, Involved } from './correlate/incident.ts';
import { type Counters, countersOf } from './counters.ts';
import { evidenceOf, withNode } from './evidence.ts';
import type { ReportSink } from './ingest/accept.ts';
import type { Enrolment } from './ingest/enrol.ts';
import type { NodeIdentity, Report, SignedOrder } from './ingest/report.ts';
import { mergeable } from './ingest/sketches.ts';
import { type About, aboutCanary, aboutIncident, aboutOrder } from './notify/about.ts';
import { CLUSTER_ORDER, undoCluster } from './respond/cluster/ask.ts';
import type { ClusterOrder } from './respond/cluster/order.ts';
import { type RunParts, runClusterOrders } from './respond/cluster/run.ts';
import {
  approve,
  containByHand,
  type Declined,
  type Ordered,
  type Outcome,
  respond,
} from './respond/execute.ts';
import { Again, type AnswerCounts, expireLeases, takeAnswers } from './respond/follow.ts';
import type { Order, OrderFactory } from './respond/orders.ts';
import { decidedByOthers, type PlanStep, planContainment } from './respond/plan.ts';
import type { Action, PolicySet } from './respond/policy.ts';
import { type Refused, refuse } from './respond/refuse.ts';
import { undo } from './respond/undo.ts';
import type { Store, StoreParts } from './store/database.ts';
import type { Around } from './surroundings.ts';

/** So many reports at once, and nodes are asked to come back later. */
const BUSY = 4;
const BUSY_PACE_MS = 5000;

export interface PipelineParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly orders: OrderFactory;
  readonly streams: { push(node: NodeIdentity, orders: readonly SignedOrder[]): boolean };
  readonly policies: PolicySet;
  /** What central may do in the cluster, and how it reaches its API server; null: none is known. */
  readonly cluster: Pick<RunParts, 'enabled' | 'kubeOf'>;
  /** Exceptions that people made, in force now. */
  readonly exceptions: () => readonly ExceptionRule[];
  readonly windowMs: number;
  readonly around: Pick<Around, 'of'>;
  /** What Kubernetes says of pods. */
  readonly events: Pick<EventBook, 'ofPod' | 'ofNode'>;
  readonly noes: Pick<Noes, 'take' | 'doubt' | 'areHeard' | 'isUnheard'>;
  /** The valid ones. */
  readonly hashKeys: () => readonly HashKey[];
  readonly metrics: Metrics;
  readonly notify: (about: About) => void;
  readonly log: Log;
}
export interface Pipeline extends ReportSink, Deeds {
  readonly policies: () => PolicySet;
  /** These are in force from now on. */
  use(policies: PolicySet): Promise<void>;
  /** What the policies say to a containment that is asked for. */
  guard(target: Involved, action: Action): Promise<Pick<PlanStep, 'verdict' | 'because'>>;
  readonly paceMs: () => number;
  refuse(asked: {
    incident: string;
    plan: string;
    actor: string;
    reason: string;
  }): Promise<Refused | Declined>;
  /** Writes down which policies are in force. */
  putInForce(): Promise<void>;
  enrolled(enrolment: Enrolment): Promise<void>;
  pending(node: NodeIdentity): Promise<readonly SignedOrder[]>;
  /** What `work` keeps and finds: one transaction, with what it does to incidents. */
  takeEvidence(work: (store: StoreParts) => Promise<readonly Evidence[]>): Promise<void>;
  /** Leases, unanswered incidents, cluster orders, quiet incidents. */
  tick(): Promise<void>;
  /** Resolves when what is under way in the cluster has ended. */
  stop(): Promise<void>;
}

interface Taken {
  readonly duplicate: boolean;
  readonly foreign: number;
  readonly uncounted: number;
  readonly changes: readonly IncidentChange[];
  readonly suppressed: number;
  readonly answers: AnswerCounts;
}
const NO_ANSWERS: AnswerCounts = { answered: [], unknown: 0, late: 0 };

class CentralPipeline implements Pipeline {
  private readonly parts: PipelineParts;
  private readonly counted: Counters;
  private inForce: PolicySet;
  /** What is to be in force; other than what is, where that could not be written down. */
  private wanted: PolicySet;
  private taking = 0;
  private clusterRun: Promise<void> | null = null;
  private clusterAgain = false;
  private readonly again = new Again();

  constructor(parts: PipelineParts) {
    this.parts = parts;
    this.inForce = parts.policies;
    this.wanted = parts.policies;
    this.counted = countersOf(parts.metrics);
  }

  policies = (): PolicySet => this.inForce;
  paceMs = (): number => (this.taking > BUSY ? BUSY_PACE_MS : 0);
  private response = (): { orders: OrderFactory; nowMs: () => number } => ({
    orders: this.parts.orders,
    nowMs: this.parts.clock.wallMs,
  });

  async use(policies: PolicySet): Promise<void> {
    const versions = ({ documents }: PolicySet): string => documents.map(({ version }) => version).join();
    this.wanted = policies;
    if (versions(policies) !== versions(this.inForce)) {
      await this.parts.noes.take();
      await this.writeInForce(policies);
    } else this.inForce = policies;
    await this.respondToAll();
  }

  async guard(target: Involved, action: Action): Promise<Pick<PlanStep, 'verdict' | 'because'>> {
    const { store, clock } = this.parts;
    const situation = await store.response.situation(null, clock.wallMs());
    return guardRequest({ target, action }, this.inForce.policies, situation);
  }

  async putInForce(): Promise<void> {
    if (await this.writeInForce(this.inForce)) this.parts.noes.doubt();
  }

  /** Whether others than before decide now. */
  private async writeInForce(policies: PolicySet): Promise<boolean> {
    const { store, clock } = this.parts;
    const atMs = clock.wallMs();
    const changed = await store.transaction(async (parts) => {
      const { journal, steps } = parts;
      const by = { actor: 'central', atMs };
      const { added, removed, otherPolicies } = await journal.putInForce(policies.documents, by);
      if (added.length + removed.length === 0 && !otherPolicies) return false;
      const moved = added.length + removed.length === 0 ? ', in another order' : '';
      const text = `in force: ${added.join(', ') || 'nothing new'}; no more: ${removed.join(', ') || 'nothing'}${moved}`;
      await steps.append({ atMs, actor: 'central', action: 'policies', incident: '', order: '', text });
      if (otherPolicies) await this.askAgain(parts, policies, atMs);
      return otherPolicies;
    });
    this.inForce = policies;
    return changed;
  }

  /** Who puts a policy in force has it answer also what is under way: an incident may never become worse than it is. */
  private async askAgain(
    { incidents, response }: StoreParts,
    { policies }: PolicySet,
    nowMs: number,
  ): Promise<void> {
    for (const incident of await incidents.underWay()) {
      const last = await response.lastPlan(incident.id);
      const now = planContainment(incident, policies, nowMs);
      if (last === null || decidedByOthers(last, now)) await incidents.askAgain(incident.id);
    }
  }

  async enrolled(enrolment: Enrolment): Promise<void> {
    const { store, clock } = this.parts;
    const atMs = clock.wallMs();
    await store.transaction(async ({ journal, steps }) => {
      await journal.enrolled(enrolment, atMs);
      const text = `${enrolment.kind} of ${enrolment.cluster}/${enrolment.node} from ${enrolment.address}, certificate ${enrolment.serial}`;
      await steps.append({
        atMs,
        actor: `node:${enrolment.node}`,
        action: 'enrol',
        incident: '',
        order: '',
        text,
      });
    });
  }

  async take(given: Report): Promise<{ duplicate: boolean; orders: readonly SignedOrder[] }> {
    this.taking += 1;
    const { sketches, outcomes } = mergeable(
      given.sketches,
      this.parts.hashKeys().map(({ id }) => id),
    );
    const report = { ...given, sketches };
    const from = performance.now();
    try {
      const taken = await this.parts.store.transaction((store) => this.keep(store, report));
      this.tally(report, taken);
      for (const [result, count] of Object.entries(taken.duplicate ? {} : outcomes))
        this.counted.sketches.inc({ result }, count);
      if (taken.changes.some(({ kind }) => kind !== 'updated')) await this.respondToAll();
      const orders = await this.pending(report);
      return { duplicate: taken.duplicate, orders };
    } finally {
      this.taking -= 1;
      this.counted.took.observe(performance.now() - from);
    }
  }

  /** One transaction: the report, its answers to orders, and what it does to incidents. */
  private async keep(store: StoreParts, report: Report): Promise<Taken> {
    const { alerts, ...stored } = await store.reports.add(report);
    if (stored.duplicate) return { ...stored, changes: [], suppressed: 0, answers: NO_ANSWERS };
    await store.sketches.add(report);
    await store.sessions.add(report);
    await store.canaries.add(report);
    const said = { speaker: report, reports: report.orderReports };
    const answers = await takeAnswers(store.response, { ...this.response(), again: this.again }, said);
    if (alerts.length === 0) return { ...stored, changes: [], suppressed: 0, answers };
    const evidence: Evidence[] = [];
    for (const alert of alerts) evidence.push(await evidenceOf(store, report, alert, this.parts.events));
    const found = await this.join(store, evidence);
    return { ...stored, answers, ...found };
  }

  /** What new evidence does to incidents, inside a transaction. */
  private async join(
    store: StoreParts,
    found: readonly Evidence[],
  ): Promise<Pick<Taken, 'changes' | 'suppressed'>> {
    if (found.length === 0) return { changes: [], suppressed: 0 };
    const evidence = found.map((one) => withNode(one, this.parts.events));
    const { exceptions, windowMs, clock } = this.parts;
    const policies = this.inForce;
    const hashers = this.parts.hashKeys().map(hasherOf);
    const alerts = evidence.map(({ alert }) => alert);
    const ids = alerts.map(({ id }) => id);
    const since = Math.min(...alerts.map(({ firstWallMs }) => firstWallMs)) - windowMs;
    const incidents = await store.incidents.candidates(since, ids);
    const { changes, suppressed } = correlate({
      incidents,
      memberships: await store.incidents.memberships(ids),
      calledFalse: await store.incidents.calledFalse(incidents.filter(({ state }) => state === 'closed')),
      evidence,
      exceptions: [...policies.exceptions, ...exceptions()],
      means: (compared) => meansHashed(compared, hashers),
      around: await this.parts.around.of(store, evidence, incidents),
      windowMs,
      nowMs: clock.wallMs(),
    });
    for (const change of changes) await store.incidents.save(change);
    for (const { alert, exception } of suppressed)
      await store.reports.suppress(alert, exception, clock.wallMs());
    return { changes, suppressed: suppressed.length };
  }

  async takeEvidence(work: (store: StoreParts) => Promise<readonly Evidence[]>): Promise<void> {
    const joined = await this.parts.store.transaction(async (store) => this.join(store, await work(store)));
    this.tallyJoined(joined);
    if (joined.changes.some(({ kind }) => kind !== 'updated')) await this.respondToAll();
  }

  private tally(report: Report, taken: Taken): void {
    const { summaries, rows, answers } = this.counted;
    summaries.inc({ result: taken.duplicate ? 'duplicate' : 'stored' });
    if (taken.duplicate) return;
    for (const kind of ['windows', 'detections', 'alerts', 'containers', 'sessions'] as const)
      rows.inc({ kind }, report[kind].length);
    rows.inc({ kind: 'foreign' }, taken.foreign);
    rows.inc({ kind: 'uncounted' }, taken.uncounted);
    this.tallyCanaries(report);
    this.tallyJoined(taken);
    for (const { state } of taken.answers.answered) answers.inc({ state });
    answers.inc({ state: 'unknown' }, taken.answers.unknown);
    answers.inc({ state: 'late' }, taken.answers.late);
    for (const { order, state } of taken.answers.answered)
      if (state === 'expired') void this.tellOrder('expired', order, `node:${order.node}`);
  }

  /** Those that were seen go on to the notifiers, as what was found does. */
  private tallyCanaries(report: Report): void {
    for (const canary of report.canaries) {
      this.counted.canaries.inc({ result: canary.result });
      if (canary.result !== 'seen' && canary.result !== 'late') continue;
      this.counted.canaryDetect.observe(canary.detectMs);
      this.parts.notify(aboutCanary(report, canary));
    }
  }

  private tallyJoined({ changes, suppressed }: Pick<Taken, 'changes' | 'suppressed'>): void {
    this.counted.suppressed.inc(suppressed);
    for (const { kind, incident } of changes) {
      this.counted.incidents.inc({ kind });
      if (kind !== 'updated') this.tell(kind, incident, { text: '', orders: [], actor: 'central' });
    }
  }

  private tell(
    event: About['event'],
    incident: Incident,
    what: { text: string; orders: readonly Order[]; actor: string; plan?: string },
  ): void {
    this.parts.notify(aboutIncident(event, incident, what));
  }

  /** About an order that may have no incident. */
  private async tellOrder(event: About['event'], order: Order, actor: string): Promise<void> {
    const { incident: id } = order;
    const incident = id === '' ? null : await this.parts.store.incidents.get(id).catch(() => null);
    this.parts.notify(aboutOrder(event, order, { incident, actor }));
  }

  /** Each incident that is to be responded to: opened, become worse, or under other policies now; also after a restart. */
  private async respondToAll(): Promise<void> {
    for (const { id } of await this.parts.store.incidents.unanswered())
      try {
        await this.respondTo(id);
      } catch (error) {
        // It stays unanswered, and the next tick tries again.
        this.counted.failures.inc();
        this.parts.log.error({ err: error, incident: id }, 'response failed');
      }
  }

  private async respondTo(id: string): Promise<void> {
    const { store, noes } = this.parts;
    const result = await store.transaction(async (parts) => {
      const [open] = await parts.incidents.unanswered(id);
      if (open === undefined) return null;
      // A person may have refused what it waits for: it stays unanswered, and waits, until that was read.
      if (noes.isUnheard(open.cluster) && (await parts.response.proposedPlan(id)) !== null) return null;
      // As they are now: they may have changed while this waited for its turn.
      const policies = this.inForce;
      const outcome = await respond(parts.response, this.response(), {
        incident: open,
        policies: policies.policies,
      });
      await parts.incidents.answered(id);
      return { incident: open, outcome };
    });
    if (result === null) return;
    const { incident, outcome } = result;
    for (const { verdict } of outcome.plan.steps) this.counted.steps.inc({ verdict });
    await this.dispatch(outcome.orders);
    if (outcome.clusterOrders.length > 0) this.runCluster();
    const [first] = outcome.orders;
    const what = { text: outcome.printed, orders: outcome.orders, actor: first?.actor ?? 'central' };
    if (outcome.orders.length + outcome.clusterOrders.length > 0) this.tell('executed', incident, what);
    if (outcome.proposed) this.tell('approval-wanted', incident, { ...what, plan: outcome.plan.id });
  }

  /** At once over the nodes' open streams; the reply to their next summary has what they have not answered. */
  private async dispatch(orders: readonly Order[]): Promise<void> {
    const { store, streams, clock } = this.parts;
    for (const order of orders) {
      this.counted.orders.inc({ kind: order.kind });
      if (streams.push(order, [order.signed])) await store.orders.sent(order, clock.wallMs());
    }
  }

  async pending(node: NodeIdentity): Promise<readonly SignedOrder[]> {
    const { store, clock } = this.parts;
    const orders = await store.orders.pending(node, clock.wallMs());
    if (orders.length > 0) await store.orders.sent(node, clock.wallMs());
    return orders;
  }

  async contain(asked: Parameters<Deeds['contain']>[0]): Promise<Ordered | Declined> {
    const { containers, ...rest } = asked;
    const cluster = containers[0]?.cluster ?? '';
    const result = await this.parts.store.transaction(({ response }) =>
      containByHand(response, this.response(), { ...rest, cluster, targets: containers }),
    );
    if ('declined' in result) return result;
    await this.dispatch(result.orders);
    if (result.clusterOrders.length > 0) this.runCluster();
    for (const order of result.orders) await this.tellOrder('executed', order, order.actor);
    return result;
  }

  async undo(asked: Parameters<Deeds['undo']>[0]): Promise<Order | ClusterOrder | Declined> {
    if (asked.order.startsWith(CLUSTER_ORDER)) return this.undoInCluster(asked);
    const result = await this.parts.store.transaction(({ response }) =>
      undo(response, this.response(), asked),
    );
    if ('declined' in result) return result;
    await this.dispatch([result]);
    await this.tellOrder('undone', result, result.actor);
    return result;
  }

  private async undoInCluster(asked: Parameters<Deeds['undo']>[0]): Promise<ClusterOrder | Declined> {
    const { store, clock } = this.parts;
    const result = await store.transaction(({ response }) => undoCluster(response, asked, clock.wallMs()));
    if (!('declined' in result)) this.runCluster();
    return result;
  }

  /** One run at a time, and one more for what came meanwhile; the API server's time holds nobody up. */
  private runCluster(): void {
    if (this.clusterRun !== null) {
      this.clusterAgain = true;
      return;
    }
    const { store, clock, cluster, log } = this.parts;
    this.clusterRun = runClusterOrders({
      ...cluster,
      transaction: (work) => store.transaction(({ response }) => work(response)),
      nowMs: clock.wallMs,
    })
      .then((moved) => {
        for (const { order, state } of moved) this.counted.clusterOrders.inc({ action: order.action, state });
      })
      .catch((error: unknown) => {
        this.counted.failures.inc();
        log.error({ err: error }, 'cluster orders failed');
      })
      .finally(() => {
        this.clusterRun = null;
        if (this.clusterAgain) {
          this.clusterAgain = false;
          this.runCluster();
        }
      });
  }

  async stop(): Promise<void> {
    this.clusterAgain = false;
    await this.clusterRun;
  }

  async approve(asked: Parameters<Deeds['approve']>[0]): Promise<Outcome | Declined> {
    const { policies } = this.inForce;
    const result = await this.parts.store.transaction(({ response }) =>
      approve(response, this.response(), { ...asked, policies }),
    );
    if ('declined' in result) return result;
    await this.dispatch(result.orders);
    if (result.clusterOrders.length > 0) this.runCluster();
    const incident = await this.parts.store.incidents.get(asked.incident);
    if (incident !== null)
      this.tell('executed', incident, { text: result.printed, orders: result.orders, actor: asked.actor });
    return result;
  }

  /** A person says no to a plan; one that took its place is made again without what the no was to. */
  async refuse(asked: {
    incident: string;
    plan: string;
    actor: string;
    reason: string;
  }): Promise<Refused | Declined> {
    const result = await this.parts.store.transaction(async ({ response, incidents }) => {
      const refused = await refuse(response, this.response(), asked);
      const { incident } = asked;
      if ('superseded' in refused && refused.superseded && (await incidents.isUnderWay(incident)))
        await incidents.askAgain(incident);
      return refused;
    });
    await this.respondToAll();
    return result;
  }

  async tick(): Promise<void> {
    const { store, clock, windowMs, noes } = this.parts;
    if (this.wanted !== this.inForce) await this.use(this.wanted);
    else if (!noes.areHeard) await noes.take();
    await this.respondToAll();
    const expired = await store.transaction(({ response }) => expireLeases(response, this.response()));
    for (const order of expired) {
      this.counted.answers.inc({ state: 'expired' });
      if (order.kind === 'contain') await this.tellOrder('expired', order, 'central');
    }
    this.runCluster();
    for (const incident of await store.incidents.closeQuiet(clock.wallMs() - windowMs))
      this.tell('closed', incident, { text: '', orders: [], actor: 'central' });
  }
}

export function createPipeline(parts: PipelineParts): Pipeline {
  return new CentralPipeline(parts);
}
