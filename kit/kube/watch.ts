/**
 * A collection as it is and as it changes: a list, then a watch from where the list ended, again and again. A watch that ends
 * is taken up where it was; where the server no longer has that (410), everything is listed anew.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backoff, backoff } from '../retry.ts';
import type { KubeClient, Selection } from './client.ts';
import { errorOfAnswer, isKubeError, KubeError } from './error.ts';
import { type Collection, type KubeObject, pathOf } from './resource.ts';

export type ChangeKind = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface WatchQuery<T> extends Selection {
  readonly what: Collection;
  /** What is kept of an object, at once; null: nothing. Not called again for a whole page. */
  readonly reduce: (object: KubeObject) => T | null;
  /**
   * Lists from the server's cache: cheap for it and maybe seconds old, which the watch then makes up for. For what each
   * node asks. Comes as one page.
   */
  readonly cached?: boolean;
  readonly pageSize?: number;
}

export interface WatchHandlers<T> {
  /** Everything there is, after each list: what is not in it is gone. */
  listed(items: readonly T[]): void | Promise<void>;
  changed(kind: ChangeKind, item: T): void | Promise<void>;
  /** Something failed; it goes on after a while. */
  problem?(error: KubeError): void;
  /** It works again. */
  again?(): void;
}

export interface WatchCounts {
  lists: number;
  watches: number;
  changes: number;
  /** By reason of the error. */
  readonly problems: Map<string, number>;
}

export interface WatchTiming {
  readonly baseMs?: number;
  readonly limitMs?: number;
  /** The server ends a watch after this long and up to twice that: it spreads them over its replicas. */
  readonly lifeS?: number;
  readonly maxLine?: number;
  /** Without a word, once bookmarks have come. */
  readonly silenceMs?: number;
  readonly random?: () => number;
}

/**
 * Longest wait between two tries. A kubelet asks at least as often while the server is away (its lease, each 10 s), so
 * that a watch of each node more is no other load; and what happened meanwhile is known so soon after the end.
 */
const LIMIT_MS = 10_000;
/** etcd takes 1.5 MB of an object as protobuf or JSON; no object is longer than this. */
const MAX_LINE = 4 * 1024 * 1024;
const LIFE_S = 300;
/** A server that has sent a bookmark sends one each minute: from then on so much silence is a broken connection. */
const SILENCE_MS = 150_000;
/** A watch that was opened and then not ended for so long has nothing to tell: what is known is what there is. */
const SETTLED_MS = 1000;
/** How long after its time a watch may take to end. */
const LATE_MS = 30_000;
/** Watches refused or unreadable one after the other: what we ask for, its version above all, may be what is in the way. */
const MAX_FRUITLESS = 5;
const MAX_REASONS = 32;

interface WatchEvent {
  readonly type: string;
  readonly object: KubeObject;
}

/** Runs until its signal is aborted; never throws for what the server or the network does. */
export class Watch<T> {
  readonly counts: WatchCounts = { lists: 0, watches: 0, changes: 0, problems: new Map() };
  /** When the last word of the server came, on the clock of performance.now(); null: none yet. */
  heardAt: number | null = null;
  /** A watch is open now. */
  connected = false;
  /** What failed last; null once it works again. */
  lastProblem: KubeError | null = null;
  readonly #client: KubeClient;
  readonly #query: WatchQuery<T>;
  readonly #handlers: WatchHandlers<T>;
  readonly #timing: WatchTiming;
  readonly #backoff: Backoff;
  /** Where the next watch begins; null: list first. */
  #version: string | null = null;
  /** Lists must not be older: null, any; empty, as it is now. */
  #floor: string | null = null;
  #fruitless = 0;
  /** The server sends bookmarks for this. Of a kind of which nothing ever changed since it began it sends none. */
  #bookmarked = false;
  /** It said that history is lost (410), and nothing has come of the list that followed yet. */
  #expired = false;
  /** Ends the watch that is open, to list anew. */
  #anew = new AbortController();

  constructor(
    client: KubeClient,
    query: WatchQuery<T>,
    handlers: WatchHandlers<T>,
    timing: WatchTiming = {},
  ) {
    this.#client = client;
    this.#query = query;
    this.#handlers = handlers;
    this.#timing = timing;
    const { baseMs = 1000, limitMs = LIMIT_MS, random = Math.random } = timing;
    this.#backoff = backoff({ baseMs, limitMs, random });
  }

  /** Everything was listed, and nothing since has failed. */
  get inStep(): boolean {
    return this.#version !== null && this.lastProblem === null;
  }

  /** Lists everything anew, now: as it is after the last change that was told, or later. */
  relist(): void {
    this.#relist(this.#floor);
    this.#anew.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const problem = await this.#once(signal).catch((error: unknown) => {
        if (isKubeError(error)) return error;
        throw error;
      });
      this.connected = false;
      if (signal.aborted) return;
      if (problem !== null) this.#note(problem);
      const waitMs = this.#waitMs(problem);
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** A server that says when to come again paces its callers itself: up to half as long again, and no failure of its own. */
  #waitMs(problem: KubeError | null): number {
    const asked = problem?.retryAfterMs ?? 0;
    const { random = Math.random } = this.#timing;
    return asked > 0 ? asked * (1 + random() / 2) : this.#backoff.next();
  }

  /** One list if it is needed, and one watch. Returns what ended it, null for the server's own end. */
  async #once(signal: AbortSignal): Promise<KubeError | null> {
    if (this.#version === null) await this.#list(signal);
    const before = this.counts.changes;
    const ended = await this.#watch(signal);
    if (ended === null || this.counts.changes > before) this.#fruitless = 0;
    else if (isOfRequest(ended)) this.#fruitless += 1;
    if (this.#fruitless >= MAX_FRUITLESS) this.#relist('');
    return ended;
  }

  #relist(floor: string | null): void {
    this.#version = null;
    this.#floor = floor;
    this.#fruitless = 0;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { what, reduce, cached = false, pageSize, labelSelector, fieldSelector } = this.#query;
    const selection = { ...(labelSelector && { labelSelector }), ...(fieldSelector && { fieldSelector }) };
    // A version with a page size means "exactly this one" to the server, which forgets it soon.
    const since = cached ? (this.#floor ?? '0') : '';
    const items: T[] = [];
    let [next, version] = ['', ''];
    try {
      do {
        const page = await this.#client.page(what, {
          ...selection,
          ...(since === '' ? { ...(pageSize && { pageSize }) } : { resourceVersion: since, pageSize: 0 }),
          next,
          signal,
        });
        for (const object of page.items) push(items, reduce(object));
        ({ next, resourceVersion: version } = page);
      } while (next !== '');
    } catch (error) {
      // The cache has not got so far, or no longer has it: as it is now, then.
      if (isKubeError(error) && (error.status === 410 || error.status === 504)) this.#relist('');
      throw error;
    }
    this.counts.lists += 1;
    this.#heard();
    await this.#handlers.listed(items);
    this.#version = version;
    this.#floor = version;
  }

  async #watch(signal: AbortSignal): Promise<KubeError | null> {
    const { what, labelSelector, fieldSelector } = this.#query;
    const { lifeS = LIFE_S, silenceMs = SILENCE_MS, random = Math.random } = this.#timing;
    const path = pathOf(what);
    const timeoutSeconds = Math.ceil(lifeS * (1 + random()));
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: this.#version ?? undefined,
      timeoutSeconds,
      labelSelector,
      fieldSelector,
    };
    let settled: NodeJS.Timeout | undefined;
    this.#anew = new AbortController();
    const { signal: anew } = this.#anew;
    try {
      this.counts.watches += 1;
      const opened = (): void => {
        this.connected = true;
        settled = setTimeout(() => this.#works(), SETTLED_MS).unref();
      };
      const ask = { verb: 'watch', path, query, signal: AbortSignal.any([signal, anew]) } as const;
      const quietMs = this.#bookmarked ? silenceMs : timeoutSeconds * 1000 + LATE_MS;
      const limits = { maxLine: this.#timing.maxLine ?? MAX_LINE, silenceMs: quietMs };
      for await (const line of this.#client.connection.lines(ask, limits, opened)) {
        const ended = line === null ? this.#skip(path) : await this.#line(line, path);
        if (ended !== null) return ended;
      }
      if (!anew.aborted) this.#works();
      return null;
    } catch (error) {
      if (!isKubeError(error)) throw error;
      if (anew.aborted) return null;
      if (error.status === 410) this.#forgotten();
      // Its silence may be that of a server that began anew and has nothing to say.
      if (error.reason === 'Timeout') this.#bookmarked = false;
      return error;
    } finally {
      clearTimeout(settled);
    }
  }

  /**
   * A server that lost its history is there and answers: the list is not to wait as if it were away, once. It need not be
   * newer than what is known: of a server that began anew, all nodes would ask etcd at once. If that was no help, it must.
   */
  #forgotten(): void {
    if (!this.#expired) this.#backoff.reset();
    this.#relist(this.#expired ? '' : this.#floor);
    this.#expired = true;
  }

  #works(): void {
    this.#expired = false;
    this.#backoff.reset();
    this.#heard();
  }

  #heard(): void {
    const failed = this.lastProblem !== null;
    this.heardAt = performance.now();
    this.lastProblem = null;
    if (failed) this.#handlers.again?.();
  }

  /** An object that cannot be, by its size: it is passed over, and counted. */
  #skip(path: string): null {
    const message = 'a line longer than any object is';
    this.#note(new KubeError({ verb: 'watch', path, reason: 'TooLarge', message }));
    return null;
  }

  async #line(line: string, path: string): Promise<KubeError | null> {
    const event = readEvent(line);
    if (event === null) {
      const message = 'a line of a watch that is no event';
      return new KubeError({ verb: 'watch', path, reason: 'Malformed', message });
    }
    if (event.type === 'ERROR') {
      const { code, details } = event.object as { code?: unknown; details?: unknown };
      const status = typeof code === 'number' ? code : 500;
      if (status === 410) this.#forgotten();
      const body = { ...event.object, kind: 'Status', details };
      return errorOfAnswer({ verb: 'watch', path }, { status, body, retryAfterMs: null });
    }
    const version = event.object.metadata.resourceVersion;
    if (event.type === 'BOOKMARK') this.#bookmarked = true;
    else await this.#change(event);
    if (version !== undefined && version !== '' && !this.#anew.signal.aborted)
      this.#floor = this.#version = version;
    this.#works();
    return null;
  }

  async #change({ type, object }: WatchEvent): Promise<void> {
    this.counts.changes += 1;
    const item = this.#query.reduce(object);
    if (item !== null) await this.#handlers.changed(type as ChangeKind, item);
  }

  #note(problem: KubeError): void {
    const { problems } = this.counts;
    const reason = problems.has(problem.reason) || problems.size < MAX_REASONS ? problem.reason : 'other';
    problems.set(reason, (problems.get(reason) ?? 0) + 1);
    this.lastProblem = problem;
    this.#handlers.problem?.(problem);
  }
}

/** What is asked for is in the way, not that the server is away, busy, or does not let us. */
const isOfRequest = ({ status, reason }: KubeError): boolean =>
  reason === 'Malformed' ||
  status === 504 ||
  (status >= 400 && status < 500 && ![401, 403, 429].includes(status));

const TYPES: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

function readEvent(line: string): WatchEvent | null {
  try {
    const { type, object } = JSON.parse(line) as { type?: unknown; object?: unknown };
    if (typeof type !== 'string' || !TYPES.has(type) || typeof object !== 'object' || object === null)
      return null;
    const withMeta = object as KubeObject;
    return type === 'ERROR' || typeof withMeta.metadata === 'object' ? { type, object: withMeta } : null;
  } catch {
    return null;
  }
}

function push<T>(items: T[], item: T | null): void {
  if (item !== null) items.push(item);
}
