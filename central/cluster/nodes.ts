/** A PicketNode for each node that reports: health, hooks, loss, cost. Written when something changed, else every five minutes. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../../kit/kube/client.ts';
import { isKubeError } from '../../kit/kube/error.ts';
import { Mirror } from '../../kit/kube/mirror.ts';
import type { KubeObject } from '../../kit/kube/resource.ts';
import type { WatchTiming } from '../../kit/kube/watch.ts';
import { conditionOf } from './condition.ts';
import type { NodeRow, ObjectSource } from './containments.ts';
import { API_VERSION, MADE_BY, PICKET_NODES } from './kinds.ts';
import { seeingOf } from './seeing.ts';

export interface NodesParts {
  readonly cluster: string;
  readonly client: KubeClient;
  readonly source: Pick<ObjectSource, 'nodes'>;
  /** What rules stand on the node, as it said last; null: not known. */
  readonly standingOf: (node: { cluster: string; node: string }) => Standing | null;
  /** The object of a node that was not heard for so long goes. */
  readonly forgetMs: number;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
  readonly timing?: WatchTiming;
}

/** An agent that has nothing to tell sends a summary every 10 s all the same. */
const SILENT_MS = 60_000;
const REFRESH_MS = 300_000;
/** Kubernetes names of objects (RFC 1123). */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const MAX_HOOKS = 64;
const MAX_PROBLEMS = 20;
/** Nodes of one cluster, as Kubernetes is tested with, and as many again. */
const MAX_OBJECTS = 10_000;

/** Of what was sent to a node. */
export interface Standing {
  readonly rules: string;
  readonly ruleProblems: readonly string[];
}

type Status = Readonly<Record<string, unknown>>;
interface Kept {
  readonly name: string;
  readonly uid: string;
  readonly made: string;
  readonly status: Status;
}

function keep({ metadata, status }: KubeObject): Kept | null {
  const { name, uid = '', creationTimestamp: made = '' } = metadata;
  return name === undefined ? null : { name, uid, made, status: (status ?? {}) as Status };
}

const number = (value: unknown): number => {
  const found = Number(value ?? 0);
  return Number.isFinite(found) ? found : 0;
};

export function statusOf(
  row: NodeRow & { readonly standing: Standing | null },
  before: Status,
  { nowMs, startedMs }: { nowMs: number; startedMs: number },
): Record<string, unknown> {
  const { health, lastSeenMs, standing } = row;
  const reporting = nowMs - lastSeenMs < SILENT_MS;
  const lost = Object.values((health?.['lost'] ?? {}) as Record<string, unknown>);
  const hooks = Array.isArray(health?.['hooksMissing'])
    ? health['hooksMissing'].map(String).slice(0, MAX_HOOKS)
    : [];
  const seeing = seeingOf(row.canary, before['conditions'], { reporting, nowMs, startedMs });
  return {
    lastSeen: new Date(lastSeenMs).toISOString(),
    version: String(health?.['version'] ?? ''),
    hooksMissing: hooks,
    lost: lost.reduce<number>((sum, count) => sum + number(count), 0),
    memoryBytes: number(health?.['rssBytes']),
    spooledBytes: number(health?.['spooledBytes']),
    ...(standing === null
      ? {}
      : { rules: { version: standing.rules, problems: standing.ruleProblems.slice(0, MAX_PROBLEMS) } }),
    // Null takes away what was said before.
    canary: seeing.canary ?? null,
    conditions: [
      conditionOf(before['conditions'], {
        type: 'Reporting',
        holds: reporting,
        reason: reporting ? 'Heard' : 'Silent',
        message: reporting ? '' : `nothing was heard of it for ${SILENT_MS / 1000} s and more`,
        nowMs,
      }),
      conditionOf(before['conditions'], {
        type: 'AllHooks',
        holds: hooks.length === 0,
        reason: hooks.length === 0 ? 'Attached' : 'Missing',
        message: hooks.join(', '),
        nowMs,
      }),
      ...seeing.conditions,
    ],
  };
}

/** Whether people would want to know at once. What is not known now is not written, and stays as it was said; in what order, is the server's. */
const differs = (a: Status, b: Status): boolean =>
  ['version', 'hooksMissing', 'rules', 'conditions'].some(
    (name) => b[name] !== undefined && !isDeepStrictEqual(a[name], b[name]),
  );

export class Nodes {
  readonly #parts: NodesParts;
  readonly #objects: Mirror<Kept>;
  readonly #written = new Map<string, number>();
  readonly #startedMs: number;

  constructor(parts: NodesParts) {
    this.#parts = parts;
    this.#startedMs = parts.nowMs();
    this.#objects = new Mirror({
      client: parts.client,
      query: { what: { resource: PICKET_NODES }, reduce: keep },
      keyOf: ({ name }) => name,
      maxObjects: MAX_OBJECTS,
      problem: parts.onError,
      timing: parts.timing,
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#objects.run(signal);
  }

  get inStep(): boolean {
    return this.#objects.inStep;
  }

  async pass(): Promise<void> {
    if (!this.#objects.known) return;
    const { cluster, source } = this.#parts;
    const rows = await source.nodes({ cluster });
    for (const row of rows) if (NAME.test(row.node)) await this.#try(() => this.#node(row));
    const known = new Set(rows.map(({ node }) => node));
    for (const kept of this.#objects.all())
      if (!known.has(kept.name)) await this.#try(() => this.#forget(kept));
  }

  /** One that fails keeps none of the others. */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isKubeError(error, 'NotFound') && !isKubeError(error, 'Conflict')) this.#parts.onError(error);
    }
  }

  /** Central may have begun with an empty store: what the object says itself of when the node was heard, or was made, decides. */
  async #forget(kept: Kept): Promise<void> {
    const { client, forgetMs, nowMs } = this.#parts;
    const lastSeenMs = Date.parse(String(kept.status['lastSeen'] ?? kept.made));
    if (!(nowMs() - lastSeenMs >= forgetMs)) return;
    await client.delete({ resource: PICKET_NODES, name: kept.name }, { uid: kept.uid });
    this.#objects.drop(kept);
    this.#written.delete(kept.name);
  }

  async #node(row: NodeRow): Promise<void> {
    const { client, cluster, nowMs, standingOf } = this.#parts;
    const before = this.#objects.get(row.node)?.status;
    if (before === undefined) await this.#make(row.node);
    const standing = standingOf({ cluster, node: row.node });
    const times = { nowMs: nowMs(), startedMs: this.#startedMs };
    const status = statusOf({ ...row, standing }, before ?? {}, times);
    const old = nowMs() - (this.#written.get(row.node) ?? 0) >= REFRESH_MS;
    if (before !== undefined && !old && !differs(before, status)) return;
    const ref = { resource: PICKET_NODES, name: row.node };
    const made = keep(await client.patch(ref, { status }, { subresource: 'status' }));
    if (made !== null) this.#objects.put(made);
    this.#written.set(row.node, nowMs());
  }

  async #make(name: string): Promise<void> {
    const wanted = {
      apiVersion: API_VERSION,
      kind: PICKET_NODES.kind,
      metadata: { name, labels: MADE_BY },
      spec: { cluster: this.#parts.cluster },
    };
    await this.#parts.client.create({ resource: PICKET_NODES }, wanted).catch((error: unknown) => {
      if (!isKubeError(error, 'AlreadyExists')) throw error;
    });
  }
}
