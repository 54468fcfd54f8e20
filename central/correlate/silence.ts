/** Nodes that say nothing any more: what central must notice by itself, as nobody is left to tell it. Pure. */
import { createHash } from 'node:crypto';
import type { Evidence } from './incident.ts';
import { evidenceOfNode } from './node-alert.ts';

export interface SeenNode {
  readonly cluster: string;
  readonly node: string;
  readonly lastSeenMs: number;
}
export interface Change {
  readonly fell: readonly SeenNode[];
  readonly back: readonly SeenNode[];
}

export const SILENT = 'node-silent';
/** What had been silent for so long before central started was taken away, and nobody wants to hear of it again. */
const GONE_MS = 86_400_000;

const keyOf = ({ cluster, node }: SeenNode): string => JSON.stringify([cluster, node]);

export class Silence {
  private readonly afterMs: number;
  private readonly startedMs: number;
  /** Told, by node. */
  private readonly silent = new Map<string, SeenNode>();

  constructor(options: { afterMs: number; startedMs: number }) {
    this.afterMs = options.afterMs;
    this.startedMs = options.startedMs;
  }

  get count(): number {
    return this.silent.size;
  }
  incidentOf = (node: SeenNode): SeenNode | undefined => this.silent.get(keyOf(node));

  /** While central itself was away nobody could be heard: silence counts from its start. */
  look(nodes: readonly SeenNode[], nowMs: number): Change {
    const fell: SeenNode[] = [];
    const back: SeenNode[] = [];
    const there = new Set(nodes.map(keyOf));
    // Forgotten: nobody looks for it any more.
    for (const key of this.silent.keys()) if (!there.has(key)) this.silent.delete(key);
    for (const node of nodes) {
      const known = this.silent.get(keyOf(node));
      if (known !== undefined && node.lastSeenMs > known.lastSeenMs) {
        this.silent.delete(keyOf(node));
        back.push(known);
      }
      const quietMs = nowMs - Math.max(node.lastSeenMs, this.startedMs);
      const gone = this.startedMs - node.lastSeenMs > GONE_MS;
      if (quietMs < this.afterMs || gone || this.silent.has(keyOf(node))) continue;
      this.silent.set(keyOf(node), node);
      fell.push(node);
    }
    return { fell, back };
  }

  /** It was not told after all: it is the next time that somebody looks. */
  forget(node: SeenNode): void {
    this.silent.delete(keyOf(node));
  }

  /** That it is back was not told. */
  recall(node: SeenNode): void {
    if (!this.silent.has(keyOf(node))) this.silent.set(keyOf(node), node);
  }
}

/** Of one silence: the same one told twice, as after a restart, is the same alert. */
export function silenceAlert({ cluster, node, lastSeenMs }: SeenNode): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([SILENT, cluster, node, lastSeenMs]))
    .digest('hex');
  return `alr-${digest.slice(0, 20)}`;
}

export function silenceOf(seen: SeenNode, nowMs: number): Evidence {
  const { cluster, node, lastSeenMs } = seen;
  const since = new Date(lastSeenMs).toISOString();
  return evidenceOfNode({
    ...{ cluster, node, id: silenceAlert(seen), detector: SILENT },
    ...{ firstMs: lastSeenMs, lastMs: nowMs },
    title: `Node ${node} has said nothing since ${since}`,
    explanation: [
      'An agent says something at least every ten seconds, also when nothing happens.',
      'It was stopped, cannot reach central, or the node is gone; what happens there is not seen until it is back.',
    ],
  });
}
