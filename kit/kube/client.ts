/** The verbs of the API server, typed. A request that the server put off (429, or 503 with a time) is asked again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from './config.ts';
import { type Ask, Connection, type ConnectionOptions } from './connection.ts';
import { isKubeError, type KubeError } from './error.ts';
import { type Collection, type KubeObject, type ObjectRef, objectPath, pathOf } from './resource.ts';

export interface RequestOptions {
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends RequestOptions {
  /** Checked by the server, admission included, and not kept. */
  readonly dryRun?: boolean;
  /** Whose fields these are; needed for apply. */
  readonly fieldManager?: string;
  readonly subresource?: string;
}

export interface Selection {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ListOptions extends RequestOptions, Selection {
  /** Objects in one answer; 500 if left out, 0: all at once. */
  readonly pageSize?: number;
  /**
   * `0`: as the server's cache has it, which may be old and costs it little; another: not older than that; left out: as it
   * is now.
   */
  readonly resourceVersion?: string;
}

export interface Page<T extends KubeObject> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** For the next page; empty: this was the last. */
  readonly next: string;
}

/** How a patch's body is meant; `apply` makes the object if there is none. */
export type PatchType = 'merge' | 'strategic' | 'json' | 'apply';

export interface PatchOptions extends WriteOptions {
  readonly type?: PatchType;
  /** With apply: takes fields over that others hold. */
  readonly force?: boolean;
}

export interface DeleteOptions extends RequestOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagation?: 'Orphan' | 'Background' | 'Foreground';
  /** Only this very object: not its successor of the same name. */
  readonly uid?: string;
  readonly dryRun?: boolean;
}

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  // JSON is YAML.
  apply: 'application/apply-patch+yaml',
};
const PAGE = 500;
/** Of one request that the server put off; what it asks for beyond is the caller's to wait. */
const MAX_TRIES = 4;
const MAX_WAIT_MS = 10_000;
const DEFAULT_WAIT_MS = 1000;

export interface KubeClientOptions extends ConnectionOptions {
  readonly random?: () => number;
}

export class KubeClient {
  readonly connection: Connection;
  readonly #random: () => number;

  constructor(config: KubeConfig, options: KubeClientOptions) {
    this.connection = new Connection(config, options);
    this.#random = options.random ?? Math.random;
  }

  get url(): string {
    return this.connection.url;
  }

  get<T extends KubeObject>(
    ref: ObjectRef,
    options: RequestOptions & { subresource?: string } = {},
  ): Promise<T> {
    return this.send<T>({
      verb: 'get',
      path: objectPath(ref, options.subresource),
      signal: options.signal,
    });
  }

  /** The object, or null where there is none. @throws KubeError for all else */
  find<T extends KubeObject>(ref: ObjectRef, options: RequestOptions = {}): Promise<T | null> {
    return this.get<T>(ref, options).catch((error: unknown) => {
      if (isKubeError(error, 'NotFound')) return null;
      throw error;
    });
  }

  /** One page. @throws KubeError `Expired` when `next` is too old: begin again */
  async page<T extends KubeObject>(
    what: Collection,
    options: ListOptions & { readonly next?: string } = {},
  ): Promise<Page<T>> {
    const { labelSelector, fieldSelector, resourceVersion, next = '', pageSize = PAGE } = options;
    const list = await this.send<{ metadata?: Record<string, string>; items?: T[] | null } & KubeObject>({
      verb: 'list',
      path: pathOf(what),
      query: {
        labelSelector,
        fieldSelector,
        limit: pageSize === 0 ? undefined : pageSize,
        ...(next === '' ? { resourceVersion } : { continue: next }),
      },
      signal: options.signal,
    });
    const { resourceVersion: at = '', continue: more = '' } = list.metadata as Record<string, string>;
    return { items: list.items ?? [], resourceVersion: at, next: more };
  }

  /** Every object, page by page. @throws KubeError */
  async *each<T extends KubeObject>(what: Collection, options: ListOptions = {}): AsyncGenerator<T> {
    let next = '';
    do {
      const page = await this.page<T>(what, { ...options, next });
      yield* page.items;
      next = page.next;
    } while (next !== '');
  }

  /** All of them at once; for kinds of which there are few. @throws KubeError */
  async list<T extends KubeObject>(what: Collection, options: ListOptions = {}): Promise<T[]> {
    const items: T[] = [];
    for await (const item of this.each<T>(what, options)) items.push(item);
    return items;
  }

  /** @throws KubeError `AlreadyExists` */
  create<T extends KubeObject>(
    what: Collection,
    object: KubeObject | Record<string, unknown>,
    options: WriteOptions = {},
  ): Promise<T> {
    return this.send<T>({
      verb: 'create',
      path: pathOf(what),
      query: writeQuery(options),
      body: object,
      signal: options.signal,
    });
  }

  /** POST to a subresource: `binding`, `eviction`, `token`. @throws KubeError */
  createSub<T extends KubeObject>(
    ref: ObjectRef,
    body: KubeObject | Record<string, unknown>,
    options: WriteOptions & { readonly subresource: string },
  ): Promise<T> {
    return this.send<T>({
      verb: 'create',
      path: objectPath(ref, options.subresource),
      query: writeQuery(options),
      body,
      signal: options.signal,
    });
  }

  /** @throws KubeError `Conflict` when `metadata.resourceVersion` is not that of now */
  replace<T extends KubeObject>(ref: ObjectRef, object: KubeObject, options: WriteOptions = {}): Promise<T> {
    return this.send<T>({
      verb: 'update',
      path: objectPath(ref, options.subresource),
      query: writeQuery(options),
      body: object,
      signal: options.signal,
    });
  }

  /** A merge patch unless told otherwise. */
  patch<T extends KubeObject>(ref: ObjectRef, body: unknown, options: PatchOptions = {}): Promise<T> {
    return this.send<T>({
      verb: 'patch',
      path: objectPath(ref, options.subresource),
      query: { ...writeQuery(options), force: options.force },
      body,
      type: PATCH_TYPES[options.type ?? 'merge'],
      signal: options.signal,
    });
  }

  /** False: there was none. @throws KubeError `Conflict` when it is not the object of `uid` */
  async delete(ref: ObjectRef, options: DeleteOptions = {}): Promise<boolean> {
    try {
      await this.send({
        verb: 'delete',
        path: objectPath(ref),
        body: deleteBody(options),
        signal: options.signal,
      });
      return true;
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return false;
      throw error;
    }
  }

  /**
   * Deletes a pod where its disruption budget allows. @throws KubeError `TooManyRequests` when it does not: not asked again
   * here, as that can last
   */
  async evict(ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { dryRun, signal, ...rest } = options;
    await this.connection.json({
      verb: 'create',
      path: objectPath(ref, 'eviction'),
      query: writeQuery({ dryRun: dryRun ?? false }),
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: ref.name, namespace: ref.namespace },
        deleteOptions: deleteBody(rest),
      },
      signal,
    });
  }

  /** Any request, with what the server put off asked again. @throws KubeError */
  async send<T extends KubeObject>(ask: Ask): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        // What the server sends is what its kind says; who reads a field of another's making checks it.
        return (await this.connection.json(ask)) as T;
      } catch (error) {
        const waitMs = isKubeError(error) ? waitFor(ask, error) : null;
        if (waitMs === null || tries >= MAX_TRIES) throw error;
        await sleep(waitMs * (1 + this.#random() / 4), undefined, {
          ...(ask.signal === undefined ? {} : { signal: ask.signal }),
        }).catch(() => {
          throw error;
        });
      }
    }
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

function writeQuery(options: WriteOptions): Record<string, string | undefined> {
  return { fieldManager: options.fieldManager, dryRun: options.dryRun === true ? 'All' : undefined };
}

function deleteBody({
  gracePeriodSeconds,
  propagation,
  uid,
  dryRun,
}: DeleteOptions): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    ...(uid === undefined ? {} : { preconditions: { uid } }),
    ...(dryRun === true ? { dryRun: ['All'] } : {}),
  };
}

/** How long to wait before this is asked again, or null: not again. */
function waitFor(ask: Ask, error: KubeError): number | null {
  const { status, reason, retryAfterMs } = error;
  // Refused before it was looked at, whatever the verb.
  if (status === 429 || (status === 503 && retryAfterMs !== null)) {
    const waitMs = retryAfterMs ?? DEFAULT_WAIT_MS;
    return waitMs <= MAX_WAIT_MS ? waitMs : null;
  }
  const reads = ask.verb === 'get' || ask.verb === 'list';
  // A kept connection that the server had just closed; a token that was replaced since it was read.
  if (reason === 'Unreachable') return reads ? 0 : null;
  if (status === 401) return 0;
  return null;
}
