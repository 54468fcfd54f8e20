/**
 * Profiles that are objects: whether the baseline of a workload learns, and when it is to begin anew, on every node that
 * runs it; in its status, what the nodes say of it.
 */
import type { KubeClient } from '../../kit/kube/client.ts';
import { isKubeError } from '../../kit/kube/error.ts';
import { Mirror } from '../../kit/kube/mirror.ts';
import type { KubeObject } from '../../kit/kube/resource.ts';
import type { WatchTiming } from '../../kit/kube/watch.ts';
import type { LeftOut } from './in-force.ts';
import { PICKET_PROFILES } from './kinds.ts';

export interface SentProfile {
  /** cluster/namespace/Kind/name/container. */
  readonly workload: string;
  readonly pinned: boolean;
  readonly reset: string;
}
/** What one node says of it. */
export interface ProfileOnNode {
  readonly workload: string;
  readonly state: string;
  readonly periods: number;
  readonly facts: number;
  readonly pinned: boolean;
}

export interface ProfileObjectsParts {
  readonly cluster: string;
  readonly client: KubeClient;
  readonly use: (cluster: string, profiles: readonly SentProfile[]) => void;
  /** What nodes said of the profiles, the last of each. */
  readonly onNodes: (cluster: string) => readonly ProfileOnNode[];
  readonly onError: (error: unknown) => void;
  readonly timing?: WatchTiming | undefined;
}

interface Kept extends SentProfile {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly status: Readonly<Record<string, unknown>>;
}

/** Of one cluster; further ones are not looked at. */
const MAX_OBJECTS = 200;
const WORKLOAD = /^[A-Za-z]+\/[A-Za-z0-9._-]{1,253}\/[A-Za-z0-9._-]{1,253}$/;
/** From least to most. */
const STATES = ['learning', 'young', 'mature'];

const object = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

const keep =
  (cluster: string) =>
  ({ metadata, spec, status }: KubeObject): Kept | null => {
    const { namespace, name, generation = 1 } = metadata;
    const { workload, pinned, reset } = object(spec);
    if (namespace === undefined || name === undefined) return null;
    if (typeof workload !== 'string' || !WORKLOAD.test(workload)) return null;
    return {
      key: `${namespace}/${name}`,
      ...{ namespace, name, generation },
      workload: `${cluster}/${namespace}/${workload}`,
      pinned: pinned === true,
      reset: typeof reset === 'string' ? reset.slice(0, 64) : '',
      status: object(status),
    };
  };

/** What the nodes together say: the least state of any, the most that one has learnt. */
export function statusOf(
  { workload, generation }: Pick<Kept, 'workload' | 'generation'>,
  all: readonly ProfileOnNode[],
): Record<string, unknown> {
  const own = all.filter((one) => one.workload === workload);
  const least = Math.min(...own.map(({ state }) => STATES.indexOf(state)));
  return {
    observedGeneration: generation,
    nodes: own.length,
    pinnedOn: own.filter(({ pinned }) => pinned).length,
    state: own.length === 0 ? '' : (STATES[least] ?? ''),
    periods: Math.max(0, ...own.map(({ periods }) => periods)),
    facts: Math.max(0, ...own.map(({ facts }) => facts)),
  };
}

/** Whether people would want to know at once; numbers only grow. */
const AT_ONCE = ['observedGeneration', 'nodes', 'pinnedOn', 'state'];
const REFRESH_PASSES = 60;

export class ProfileObjects {
  readonly #parts: ProfileObjectsParts;
  readonly #mirror: Mirror<Kept>;
  #passes = 0;

  constructor(parts: ProfileObjectsParts) {
    this.#parts = parts;
    this.#mirror = new Mirror({
      client: parts.client,
      query: { what: { resource: PICKET_PROFILES }, reduce: keep(parts.cluster) },
      keyOf: ({ key }) => key,
      maxObjects: MAX_OBJECTS,
      listed: () => this.#use(),
      changed: () => this.#use(),
      problem: parts.onError,
      timing: parts.timing,
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#mirror.run(signal);
  }

  get inStep(): boolean {
    return this.#mirror.inStep;
  }

  get leftOut(): LeftOut {
    return [[PICKET_PROFILES.kind, this.#mirror.refused]];
  }

  /** Two objects of one workload: the first by name counts. */
  #use(): void {
    const byWorkload = new Map<string, SentProfile>();
    for (const { workload, pinned, reset } of this.#mirror.all().toSorted((a, b) => (a.key < b.key ? -1 : 1)))
      if (!byWorkload.has(workload)) byWorkload.set(workload, { workload, pinned, reset });
    this.#parts.use(this.#parts.cluster, [...byWorkload.values()]);
  }

  async pass(): Promise<void> {
    if (!this.#mirror.known) return;
    this.#passes += 1;
    const all = this.#parts.onNodes(this.#parts.cluster);
    for (const kept of this.#mirror.all()) {
      const status = statusOf(kept, all);
      const names = this.#passes % REFRESH_PASSES === 0 ? Object.keys(status) : AT_ONCE;
      if (names.every((name) => status[name] === kept.status[name])) continue;
      await this.#write(kept, status).catch((error: unknown) => {
        if (!isKubeError(error, 'NotFound')) this.#parts.onError(error);
      });
    }
  }

  async #write(kept: Kept, status: Record<string, unknown>): Promise<void> {
    const { namespace, name } = kept;
    await this.#parts.client.patch(
      { resource: PICKET_PROFILES, namespace, name },
      { status },
      { subresource: 'status' },
    );
    this.#mirror.put({ ...kept, status });
  }
}
