/** Those who watch an API server: told of changes from a version on, of bookmarks, and of what a test wants them to hear. */
import type { ServerResponse } from 'node:http';
import type { Change, KubeStore } from './kube-store.ts';
import { Refusal, type Target } from './kube-target.ts';
import { selected } from './kube-verbs.ts';

export class KubeWatchers {
  readonly #store: KubeStore;
  readonly #violate: (what: string) => void;
  readonly #open = new Set<ServerResponse>();

  constructor(store: KubeStore, violate: (what: string) => void) {
    this.#store = store;
    this.#violate = violate;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Sends these bytes to all that watch. */
  say(bytes: string): void {
    for (const response of this.#open) if (!response.writableEnded) response.write(bytes);
  }
  bookmark(): void {
    const metadata = { resourceVersion: String(this.#store.version) };
    this.say(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
  }
  /** Ends every watch: as the server does after its time, or in the middle of a line. */
  endWatches(how: 'end' | 'cut'): void {
    for (const response of this.#open) {
      if (how === 'end') response.end();
      else {
        response.write('{"type":"ADD');
        response.destroy();
      }
    }
  }

  watch(query: URLSearchParams, target: Target, response: ServerResponse): void {
    const version = Number(query.get('resourceVersion') ?? Number.NaN);
    if (!(version > 0)) this.#violate('a watch without resourceVersion begins anywhere');
    if (query.get('timeoutSeconds') === null) this.#violate('a watch without an end');
    if (version < this.#store.compactedTo) throw new Refusal(410, 'Expired', 'too old resource version');
    const matches = (change: Change): boolean =>
      change.collection === target.collection &&
      (target.namespace === null || change.object.metadata.namespace === target.namespace) &&
      selected(query, change.object);
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    response.flushHeaders();
    const tell = (change: Change): void => {
      if (matches(change) && !response.writableEnded)
        response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
    };
    for (const change of this.#store.history) if (change.version > version) tell(change);
    this.#open.add(response);
    this.#store.listeners.add(tell);
    response.on('close', () => {
      this.#open.delete(response);
      this.#store.listeners.delete(tell);
    });
  }
}
