/**
 * What the pipeline is given as text: baselines, networks that were trained, what people said is normal, whom addresses
 * belong to. A text of another shape is counted and changes nothing.
 */
import { readExceptions } from './alerts/exceptions.ts';
import type { Frame } from './events/frame.ts';
import { ROW_FEATURES } from './features/shape-row.ts';
import type { ClusterPeers } from './identity/cluster-peers.ts';
import type { Registry } from './models/registry.ts';
import { replyOf } from './models/shape/training.ts';
import type { Telling } from './telling.ts';

export interface GivenParts {
  readonly registry: Registry;
  readonly peers: ClusterPeers;
  readonly telling: Pick<Telling, 'exceptions'>;
  readonly malformed: (problem: string) => void;
}

type TextFrame = Extract<Frame, { readonly text: string }>;

export class Given {
  readonly #parts: GivenParts;

  constructor(parts: GivenParts) {
    this.#parts = parts;
  }

  take({ kind, text }: TextFrame): void {
    const { registry, peers, telling, malformed } = this.#parts;
    try {
      if (kind === 'baseline') registry.touch(registry.load(text));
      else if (kind === 'network') this.#network(text);
      else if (kind === 'exceptions') telling.exceptions.use(readExceptions(text));
      else peers.use(text);
    } catch {
      malformed(kind);
    }
  }

  #network(text: string): void {
    const { registry } = this.#parts;
    const reply = replyOf(JSON.parse(text), ROW_FEATURES.length);
    const { shape, pinned } = registry.baseline(reply.workload);
    if (!pinned && shape.take(reply)) registry.touch(reply.workload);
  }
}
