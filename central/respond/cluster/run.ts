/**
 * Carries out what is to be done in the cluster. Each move is written down before the API server is asked and after it
 * answered, so that a death in between loses nothing and does nothing twice: what it asks for is the same the second time.
 */
import { isKubeError } from '../../../kit/kube/error.ts';
import { type ClusterAction, NothingToDo, type On } from './action.ts';
import { clusterAction } from './index.ts';
import type { ClusterChange, ClusterOrder, ClusterState, ClusterStore } from './order.ts';

export interface RunParts {
  readonly transaction: <T>(work: (store: ClusterStore) => Promise<T>) => Promise<T>;
  /** Null: no API server is known for this cluster. */
  readonly kubeOf: (cluster: string) => On['kube'] | null;
  /** Names of the actions that may be done; their permissions are what central's role has. */
  readonly enabled: readonly string[];
  readonly nowMs: () => number;
}
export interface Moved {
  readonly order: ClusterOrder;
  readonly state: ClusterState;
}

/** The server may answer the same thing otherwise a moment later. */
function isPassing(error: unknown): boolean {
  if (!isKubeError(error)) return false;
  const { status, reason } = error;
  // A budget that forbids an eviction now may allow it later.
  return status === 0 ? reason !== 'BadName' : status === 429 || status >= 500 || status === 409;
}

class Run {
  private readonly parts: RunParts;
  private readonly order: ClusterOrder;
  private readonly action: ClusterAction;
  private readonly on: On;

  constructor(parts: RunParts, order: ClusterOrder, with_: { action: ClusterAction; kube: On['kube'] }) {
    this.parts = parts;
    this.order = order;
    this.action = with_.action;
    this.on = { kube: with_.kube, target: order.target, order: order.id };
  }

  async move(): Promise<Moved | null> {
    const { state } = this.order;
    try {
      if (state === 'queued') return await this.begin();
      if (state === 'begun') return await this.execute(this.order.before ?? {});
      return await this.takeBack(this.order.before ?? {});
    } catch (error) {
      return this.failed(error);
    }
  }

  private async begin(): Promise<Moved | null> {
    const before = await this.action.prepare(this.on);
    const kept = await this.change('queued', { state: 'begun', before });
    return kept ? this.execute(before) : null;
  }

  private async execute(before: NonNullable<ClusterOrder['before']>): Promise<Moved | null> {
    await this.action.execute(this.on, before);
    const seen = await this.action.verify(this.on, before);
    const lasts = this.action.undo !== null;
    const untilMs = lasts ? this.parts.nowMs() + this.order.leaseMs : 0;
    const said = `${seen.verified ? 'verified' : 'NOT VERIFIED'}: ${seen.proof.join('; ')}`;
    return this.end('begun', { state: lasts ? 'applied' : 'done', seen, untilMs }, said);
  }

  private async takeBack(before: NonNullable<ClusterOrder['before']>): Promise<Moved | null> {
    const { state, releasedBy } = this.order;
    if (state === 'applied' && !(await this.change('applied', { state: 'releasing' }))) return null;
    await this.action.undo?.(this.on, before);
    const ended = releasedBy === '' ? 'expired' : 'released';
    return this.end(
      'releasing',
      { state: ended },
      releasedBy === '' ? 'its time is over' : `by ${releasedBy}`,
    );
  }

  /** Tried again at the next run when that can help and there is time; else it is told, and what was begun is taken back. */
  private async failed(error: unknown): Promise<Moved | null> {
    const { state, notAfterMs } = this.order;
    const begins = state === 'queued' || state === 'begun';
    if (isPassing(error) && (!begins || this.parts.nowMs() < notAfterMs)) return null;
    if (!(isKubeError(error) || error instanceof NothingToDo)) throw error;
    // A containment that cannot be taken back stays `releasing`, and is tried until somebody gives us the right.
    if (!begins) return this.note(error.message);
    const { undo } = this.action;
    if (undo !== null && !(error instanceof NothingToDo))
      await undo(this.on, this.order.before ?? {}).catch(() => undefined);
    const from: readonly ClusterState[] = ['queued', 'begun'];
    for (const one of from) {
      const moved = await this.end(one, { state: 'failed', detail: error.message }, error.message);
      if (moved !== null) return moved;
    }
    return null;
  }

  private async note(message: string): Promise<null> {
    if (message !== this.order.detail)
      await this.change('releasing', { state: 'releasing', detail: message });
    return null;
  }

  private change(from: ClusterState, change: ClusterChange): Promise<boolean> {
    return this.parts.transaction(({ clusterOrders }) => clusterOrders.change(this.order.id, from, change));
  }

  /** The new state and the line about it, or neither. */
  private end(
    from: ClusterState,
    change: ClusterChange & { state: ClusterState },
    text: string,
  ): Promise<Moved | null> {
    const { order, parts } = this;
    return parts.transaction(async ({ clusterOrders, appendStep }) => {
      if (!(await clusterOrders.change(order.id, from, change))) return null;
      await appendStep({
        atMs: parts.nowMs(),
        actor: 'central',
        action: change.state === 'expired' ? 'expire' : 'answer',
        incident: order.incident,
        order: order.id,
        text: `${order.action} ${order.id}: ${change.state}: ${text}`,
      });
      return { order, state: change.state };
    });
  }
}

async function refuse(parts: RunParts, order: ClusterOrder, detail: string): Promise<Moved | null> {
  const { id, incident, state } = order;
  if (state !== 'queued') return null;
  return parts.transaction(async ({ clusterOrders, appendStep }) => {
    if (!(await clusterOrders.change(id, 'queued', { state: 'failed', detail }))) return null;
    const text = `${order.action} ${id}: failed: ${detail}`;
    await appendStep({ atMs: parts.nowMs(), actor: 'central', action: 'answer', incident, order: id, text });
    return { order, state: 'failed' };
  });
}

/** Moves every open order on as far as it goes now. Runs once at a time: its caller sees to that. */
export async function runClusterOrders(parts: RunParts): Promise<readonly Moved[]> {
  const open = await parts.transaction(({ clusterOrders }) => clusterOrders.open(parts.nowMs()));
  const moved: Moved[] = [];
  for (const order of open) {
    const action = clusterAction(order.action);
    const kube = parts.kubeOf(order.cluster);
    const begins = order.state === 'queued';
    const refusal =
      action === undefined
        ? `there is no action ${order.action}`
        : begins && !parts.enabled.includes(order.action)
          ? `${order.action} is not among the cluster-actions of central`
          : kube === null
            ? `no API server of cluster ${order.cluster} is known`
            : begins && parts.nowMs() >= order.notAfterMs
              ? 'it did not begin in time'
              : null;
    const one =
      refusal !== null || action === undefined || kube === null
        ? await refuse(parts, order, refusal ?? '')
        : await new Run(parts, order, { action, kube }).move();
    if (one !== null) moved.push(one);
  }
  return moved;
}
