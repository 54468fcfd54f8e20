/** Events of one cluster about one kind of object, at most so many: watched once, here, for all nodes. */
import type { KubeClient } from '../../kit/kube/client.ts';
import { EVENTS, type KubeObject } from '../../kit/kube/resource.ts';
import { type ChangeKind, Watch, type WatchTiming } from '../../kit/kube/watch.ts';
import { EventShelf, type ShelfLimits, type Shelved } from './event-shelf.ts';

export interface EventWatchParts {
  readonly client: KubeClient;
  readonly onError: (error: unknown) => void;
  readonly timing?: WatchTiming | undefined;
}
export interface EventQuery<T> {
  readonly fieldSelector: string;
  readonly reduce: (event: KubeObject) => T | null;
  readonly limits: ShelfLimits;
}

export class EventWatch<T extends Shelved> {
  readonly #watch: Watch<T>;
  readonly #kept: EventShelf<T>;

  constructor({ client, onError, timing }: EventWatchParts, { limits, ...query }: EventQuery<T>) {
    this.#kept = new EventShelf<T>(limits);
    const handlers = {
      listed: (items: readonly T[]) => this.#kept.takeAll(items),
      changed: (kind: ChangeKind, item: T) =>
        kind === 'DELETED' ? this.#kept.remove(item) : this.#kept.put(item),
      problem: onError,
    };
    this.#watch = new Watch<T>(client, { what: { resource: EVENTS }, ...query }, handlers, timing);
  }

  all(): readonly T[] {
    return this.#kept.all();
  }

  get leftOut(): number {
    return this.#kept.gone;
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#watch.run(signal);
  }

  get inStep(): boolean {
    return this.#watch.inStep;
  }
}

type Json = Readonly<Record<string, unknown>>;

/** What every Event says of itself, of both kinds: with a count, and with a series. Null: not as one is. */
export interface EventHead extends Shelved {
  readonly reason: string;
  /** Times that it happened, as Kubernetes counts. */
  readonly count: number;
  readonly firstMs: number;
}

const REASON = /^[A-Za-z][A-Za-z0-9]{0,63}$/;

export const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};
const timeOf = (...values: readonly unknown[]): number =>
  values.map((value) => (typeof value === 'string' ? Date.parse(value) : Number.NaN)).find((ms) => ms > 0) ??
  0;
const countOf = (...values: readonly unknown[]): number =>
  values.find((value): value is number => Number.isSafeInteger(value) && Number(value) > 0) ?? 1;

export function headOf(event: KubeObject): EventHead | null {
  const series = object(event['series']);
  const { reason } = event;
  const { namespace = '', uid = '', creationTimestamp: made } = event.metadata;
  if (typeof reason !== 'string' || !REASON.test(reason) || namespace === '') return null;
  const firstMs = timeOf(event['firstTimestamp'], event['eventTime'], made);
  return {
    key: uid,
    namespace,
    reason,
    count: countOf(event['count'], series['count']),
    firstMs,
    lastMs: Math.max(firstMs, timeOf(event['lastTimestamp'], series['lastObservedTime'])),
  };
}
