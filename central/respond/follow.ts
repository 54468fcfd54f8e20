/** Follows orders to their end: what nodes answer, and leases that run out. */
import type { IncidentState } from '../correlate/incident.ts';
import type { NodeIdentity, ReportedOrder } from '../ingest/report.ts';
import { type ResponseParts, type ResponseStore, settle } from './execute.ts';
import { type Effect, follows, type Order, type OrderState } from './orders.ts';

export interface Answered {
  readonly order: Order;
  readonly state: OrderState;
}
/** `unknown`: no order of that id is this node's. `late`: the order's state does not change to that, or it was told again too soon. */
export interface AnswerCounts {
  readonly answered: readonly Answered[];
  readonly unknown: number;
  readonly late: number;
}

/** An order that is in force and told of anew is written down so often at most: steps stay for a long time. */
const AGAIN_MS = 30_000;
/** Orders of which that is known; the one told of least lately leaves. */
const AGAIN_ORDERS = 4096;

/** When orders in force were told of anew. */
export class Again {
  readonly #lastMs = new Map<string, number>();

  /** Whether it may be written down, which counts from now. */
  take(order: string, nowMs: number): boolean {
    const lastMs = this.#lastMs.get(order);
    if (lastMs !== undefined && Math.abs(nowMs - lastMs) < AGAIN_MS) return false;
    this.#lastMs.delete(order);
    this.#lastMs.set(order, nowMs);
    const [oldest] = this.#lastMs.keys();
    if (this.#lastMs.size > AGAIN_ORDERS && oldest !== undefined) this.#lastMs.delete(oldest);
    return true;
  }
}

export interface FollowParts extends ResponseParts {
  readonly again: Again;
}

const VERIFIED: Readonly<Record<string, string>> = {
  tried: 'verified from inside',
  'read-back': 'read back, not tried',
  no: 'NOT VERIFIED',
};
function effectInWords(effect: Effect | null): string {
  return effect === null ? '' : `; ${VERIFIED[effect.verified]}: ${effect.proof.join('; ')}`;
}

const AFTER: Partial<Record<OrderState, IncidentState>> = { released: 'released', expired: 'expired' };

async function change(
  store: ResponseStore,
  parts: ResponseParts,
  what: {
    order: Order;
    state: OrderState;
    actor: string;
    detail: string;
    untilMs: number;
    effect?: Effect | null;
  },
): Promise<void> {
  const { order, state, actor, detail, untilMs, effect = null } = what;
  await store.updateOrder(order.id, { state, detail, untilMs, effect });
  const action = state === 'expired' ? 'expire' : 'answer';
  const text = `${order.kind} ${order.id}: ${state}${detail === '' ? '' : `: ${detail}`}${effectInWords(effect)}`;
  await store.appendStep({
    atMs: parts.nowMs(),
    actor,
    action,
    incident: order.incident,
    order: order.id,
    text,
  });
  if (order.kind === 'contain')
    await settle(store, order.incident, order.releasedBy === '' ? (AFTER[state] ?? 'open') : 'released');
}

/** A release order has two good ends for a node, and both take the contained order with it. */
async function finishRelease(
  store: ResponseStore,
  parts: ResponseParts,
  release: Order,
  actor: string,
): Promise<void> {
  const contained = await store.order(release.releases);
  if (contained === null || !follows(contained.state, 'released')) return;
  await change(store, parts, {
    order: contained,
    state: 'released',
    actor,
    detail: `by ${release.id}`,
    untilMs: contained.untilMs,
  });
}

const isNews = (report: ReportedOrder, order: Order): boolean =>
  report.detail !== '' && report.detail !== order.detail;

/** What a node says about its orders. An answer about another node's order changes nothing. */
export async function takeAnswers(
  store: ResponseStore,
  parts: FollowParts,
  said: { speaker: NodeIdentity; reports: readonly ReportedOrder[] },
): Promise<AnswerCounts> {
  const { cluster, node } = said.speaker;
  const actor = `node:${node}`;
  const answered: Answered[] = [];
  let [unknown, late] = [0, 0];
  for (const report of said.reports) {
    const order = await store.order(report.order);
    if (order === null || order.node !== node || order.cluster !== cluster) {
      unknown += 1;
      continue;
    }
    const done = order.kind === 'release' && (report.state === 'applied' || report.state === 'released');
    const state = done ? 'released' : (report.state as OrderState);
    // A container that began anew under its lease is told of as contained again.
    const anew = order.state === 'applied' && state === 'applied' && isNews(report, order);
    const taken = anew ? parts.again.take(order.id, parts.nowMs()) : follows(order.state, state);
    if (!taken) {
      if (anew || order.state !== state) late += 1;
      continue;
    }
    const untilMs = report.untilMs === 0 ? order.untilMs : report.untilMs;
    const { verified, proof, open } = report;
    const effect = verified === '' ? null : { verified, proof, open };
    await change(store, parts, { order, state, actor, detail: report.detail, untilMs, effect });
    if (done) await finishRelease(store, parts, order, actor);
    answered.push({ order, state });
  }
  return { answered, unknown, late };
}

/** Ends what must have ended: the node enforces the lease by itself; this is how central comes to know without it. */
export async function expireLeases(store: ResponseStore, parts: ResponseParts): Promise<readonly Order[]> {
  const overdue = await store.overdue(parts.nowMs());
  for (const order of overdue) {
    const detail = order.state === 'applied' ? 'the lease ran out' : 'the node did not answer in time';
    await change(store, parts, { order, state: 'expired', actor: 'central', detail, untilMs: order.untilMs });
  }
  return overdue;
}
