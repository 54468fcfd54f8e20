import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KubeClient } from '../../../kit/kube/client.ts';
import { PODS } from '../../../kit/kube/resource.ts';
import { Watch, type WatchQuery, type WatchTiming } from '../../../kit/kube/watch.ts';
import { FakeKubeApi } from '../../fakes/kube-api.ts';

const SOON = { timeout: 30_000, interval: 10 };

/** The state that a watcher has made of what it was told. */
class Kept {
  readonly names = new Set<string>();
  readonly told: string[] = [];
  listed(items: readonly string[]): void {
    this.names.clear();
    for (const item of items) this.names.add(item);
    this.told.push(`listed ${[...items].join(' ')}`.trim());
  }
  changed(kind: string, item: string): void {
    if (kind === 'DELETED') this.names.delete(item);
    else this.names.add(item);
    this.told.push(`${kind} ${item}`);
  }
}

let api: FakeKubeApi;
let client: KubeClient;
let kept: Kept;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  api = await new FakeKubeApi().up();
  client = new KubeClient({ url: api.url, caFile: api.caFile }, { userAgent: 'test' });
  kept = new Kept();
  stop = new AbortController();
  running = Promise.resolve();
});
afterEach(async () => {
  stop.abort();
  await running;
  await client.close();
  expect(api.violations).toEqual([]);
  await api.stop();
});

function watch(query: Partial<WatchQuery<string>> = {}, timing: WatchTiming = {}): Watch<string> {
  const reduce = ({ metadata }: { metadata: { name?: string } }): string | null => metadata.name ?? null;
  const made = new Watch(client, { what: { resource: PODS }, reduce, ...query }, kept, {
    baseMs: 5,
    limitMs: 40,
    ...timing,
  });
  running = made.run(stop.signal);
  return made;
}

const put = (name: string, nodeName = 'n1', more = {}): unknown =>
  api.put('/api/v1/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { nodeName },
    ...more,
  });
const remove = (name: string): void => api.remove('/api/v1/pods', 'shop', name);
const open = (): Promise<void> => vi.waitFor(() => expect(api.watching).toBe(1), SOON);
const has = (...names: string[]): Promise<void> =>
  vi.waitFor(() => expect([...kept.names].sort()).toEqual(names), SOON);
const asksOfLists = (): (string | null)[] =>
  api.asked.filter(({ verb }) => verb === 'list').map(({ query }) => query.get('resourceVersion'));
const lists = (): number => api.asked.filter(({ verb }) => verb === 'list').length;

test('tells what there is, and what changes', async () => {
  put('a');
  put('elsewhere', 'n2');
  watch({ fieldSelector: 'spec.nodeName=n1', cached: true });
  await open();
  put('b');
  put('other', 'n2');
  put('a', 'n1', { status: { phase: 'Running' } });
  remove('a');
  await vi.waitFor(() => expect(kept.told).toEqual(['listed a', 'ADDED b', 'MODIFIED a', 'DELETED a']), SOON);
  expect(api.asked[0]?.query.get('resourceVersion')).toBe('0');
});

test('goes on where it was when the server ends the watch, or it is cut in the middle of a line', async () => {
  put('a');
  const watching = watch();
  await open();
  put('b');
  await has('a', 'b');
  api.endWatches('end');
  put('c');
  await has('a', 'b', 'c');
  await open();
  api.endWatches('cut');
  put('d');
  await has('a', 'b', 'c', 'd');
  expect(lists()).toBe(1);
  expect(watching.counts.problems.get('Unreachable')).toBe(1);
});

test('a bookmark spares the history that brought nothing', async () => {
  put('a');
  watch({ fieldSelector: 'spec.nodeName=n1' });
  await open();
  for (let index = 0; index < 5; index += 1) put(`x${index}`, 'n2');
  api.bookmark();
  await vi.waitFor(async () => {
    api.endWatches('end');
    await vi.waitFor(
      () => expect(api.asked.at(-1)?.query.get('resourceVersion')).toBe(String(api.store.version)),
      {
        timeout: 1000,
      },
    );
  }, SOON);
  api.store.compactedTo = api.store.version;
  await open();
  put('b');
  await has('a', 'b');
  expect(lists()).toBe(1);
});

test('lists again when the history is gone: what went meanwhile is gone', async () => {
  put('a');
  put('b');
  const watching = watch({ cached: true });
  await open();
  const seen = String(api.store.version);
  await api.down();
  remove('a');
  put('c');
  api.store.compact();
  await api.up();
  await has('b', 'c');
  expect(lists()).toBe(2);
  // The cache's word again, and nothing older than what was seen: all nodes ask at once when a server begins anew.
  expect(asksOfLists()).toEqual(['0', seen]);
  await vi.waitFor(() => expect(watching.inStep).toBe(true), SOON);
  expect(watching.counts.problems.has('Expired')).toBe(true);
});

test('lists again when a running watch is told 410', async () => {
  put('a');
  watch();
  await open();
  api.say(
    `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'old' } })}\n`,
  );
  await vi.waitFor(() => expect(kept.told).toEqual(['listed a', 'listed a']), SOON);
});

test('a list that the cache gave and whose history is gone, too, is followed by one as it is now', async () => {
  put('a');
  const expired = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'old' } };
  watch({ cached: true });
  await open();
  for (const n of [2, 3]) {
    api.say(`${JSON.stringify(expired)}\n`);
    await vi.waitFor(() => expect(lists()).toBe(n), SOON);
    await open();
  }
  expect(asksOfLists()).toEqual(['0', String(api.store.version), null]);
});

test('a list that is made anew on request is no older than what is known, and need not be newer', async () => {
  put('a');
  const watching = watch({ cached: true });
  await open();
  watching.relist();
  await vi.waitFor(() => expect(kept.told).toEqual(['listed a', 'listed a']), SOON);
  expect(asksOfLists()).toEqual(['0', String(api.store.version)]);
});

test('an outage of the server costs no second list', async () => {
  put('a');
  const watching = watch({ cached: true });
  await open();
  await api.down();
  await vi.waitFor(() => expect(watching.counts.problems.get('Unreachable')).toBeGreaterThan(8), SOON);
  expect(watching.inStep).toBe(false);
  expect([...kept.names]).toEqual(['a']);
  put('b');
  await api.up();
  await has('a', 'b');
  expect(lists()).toBe(1);
  await vi.waitFor(() => expect(watching.lastProblem).toBeNull(), SOON);
});

test('429 and 500 are waited out, the server’s own time first', async () => {
  let refused = 0;
  api.fault = ({ verb }) => {
    if (verb !== 'watch' || refused === 6) return null;
    refused += 1;
    return refused % 2 === 0
      ? { status: 500, reason: 'InternalError' }
      : { status: 429, reason: 'TooManyRequests', retryAfter: 0 };
  };
  put('a');
  const watching = watch();
  await open();
  put('b');
  await has('a', 'b');
  expect(Object.fromEntries(watching.counts.problems)).toEqual({ TooManyRequests: 3, InternalError: 3 });
  expect(lists()).toBe(1);
});

test('a server that says when is asked then, however long its failures would have us wait', async () => {
  let refused = 0;
  api.fault = ({ verb }) => {
    if (verb !== 'watch' || refused === 2) return null;
    refused += 1;
    return { status: 429, reason: 'TooManyRequests', retryAfter: 1 };
  };
  put('a');
  const watching = watch({}, { baseMs: 600_000, limitMs: 600_000 });
  await open();
  expect(Object.fromEntries(watching.counts.problems)).toEqual({ TooManyRequests: 2 });
});

test('a server that comes back without its history is listed at once, and not again and again', async () => {
  put('a');
  let drawn = 0;
  const watching = watch({}, { baseMs: 20, limitMs: 1e9, random: () => drawn });
  await open();
  await api.down();
  await vi.waitFor(() => expect(watching.counts.problems.get('Unreachable')).toBeGreaterThan(6), SOON);
  put('b');
  api.store.compact();
  // From its first answer on a wait is a hundred times as long: one of the first length is one of a second.
  api.fault = () => {
    drawn = 100;
    return null;
  };
  await api.up();
  await has('a', 'b');
  expect(watching.counts.problems.get('Expired')).toBe(1);
});

test('a line that is longer than any object is passed over, and counted', async () => {
  const watching = watch({}, { maxLine: 4096 });
  await open();
  put('giant', 'n1', { data: 'x'.repeat(300_000) });
  put('b');
  await has('b');
  expect(watching.counts.problems.get('TooLarge')).toBe(1);
});

test('lines that are no events end in a new list', async () => {
  put('a');
  const watching = watch();
  await vi.waitFor(() => {
    api.say('{"type":"SOMETHING"}\n');
    expect(lists()).toBeGreaterThan(1);
  }, SOON);
  expect(watching.counts.problems.get('Malformed')).toBeGreaterThanOrEqual(5);
});

test('silence is no fault of a watch on which no bookmark came', async () => {
  const watching = watch({}, { silenceMs: 1 });
  await open();
  // Longer than a timer of undici's, which ticks each half second or so.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(watching.counts).toMatchObject({ watches: 1, problems: new Map() });
});

test('silence after bookmarks is a broken connection, which is made again', async () => {
  const watching = watch({}, { silenceMs: 1000 });
  await open();
  api.bookmark();
  // What is known of bookmarks holds from the next watch on.
  await vi.waitFor(() => expect(watching.heardAt).not.toBeNull(), SOON);
  await vi.waitFor(() => {
    if (watching.counts.watches === 1) api.bookmark();
    api.endWatches('end');
    expect(watching.counts.watches).toBeGreaterThan(1);
  }, SOON);
  await vi.waitFor(() => expect(watching.counts.problems.get('Timeout')).toBe(1), SOON);
  put('late');
  await has('late');
});

test('stops when told, and leaves no connection', async () => {
  watch();
  await open();
  stop.abort();
  await running;
  await vi.waitFor(() => expect(api.watching).toBe(0), SOON);
  await client.close();
  await vi.waitFor(() => expect(api.connections).toBe(0), SOON);
});
