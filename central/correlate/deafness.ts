/** Nodes that speak and are not known to see: their canaries were not seen in time. Pure. Silence is another matter. */
import { createHash } from 'node:crypto';
import type { Evidence } from './incident.ts';
import { evidenceOfNode } from './node-alert.ts';

/** What is known of a node's canaries; times are central's, ms. */
export interface Hearing {
  readonly cluster: string;
  readonly node: string;
  /** 0: the node makes none. */
  readonly intervalMs: number;
  /** Since when it makes them as often. */
  readonly sinceMs: number;
  /** When the last one was told that was seen in time; 0: none was. */
  readonly provedMs: number;
  /** In a row, those that were not. */
  readonly failures: number;
  /** Of the last one: seen, late, missed, failed, forged, and why. */
  readonly result: string;
  readonly detail: string;
  /** When the node said anything at all. */
  readonly lastSeenMs: number;
}
export type HearingState = 'proved' | 'waited-for' | 'deaf' | 'off';

export const DEAF = 'node-deaf';
/** In a row: one may be lost where a flood of records was. */
const FAILURES = 2;
/** Intervals without a proof, and what an agent takes to start. */
const INTERVALS = 3;
const START_MS = 60_000;

const keyOf = ({ cluster, node }: Hearing): string => JSON.stringify([cluster, node]);

export function stateOf(hearing: Hearing, nowMs: number, startedMs: number): HearingState {
  const { intervalMs, sinceMs, provedMs, failures } = hearing;
  if (intervalMs === 0) return 'off';
  if (failures >= FAILURES) return 'deaf';
  const waitedMs = nowMs - Math.max(provedMs, sinceMs, startedMs);
  if (waitedMs > INTERVALS * intervalMs + START_MS) return 'deaf';
  return provedMs === 0 ? 'waited-for' : 'proved';
}

export class Deafness {
  private readonly afterMs: number;
  private readonly startedMs: number;
  /** Told, by node. */
  private readonly deaf = new Map<string, Hearing>();
  readonly counts: Record<HearingState, number> = { proved: 0, 'waited-for': 0, deaf: 0, off: 0 };

  /** `afterMs`: a node that said nothing for so long is silent, which is told as that. */
  constructor(options: { afterMs: number; startedMs: number }) {
    this.afterMs = options.afterMs;
    this.startedMs = options.startedMs;
  }

  look(nodes: readonly Hearing[], nowMs: number): { fell: readonly Hearing[]; back: readonly Hearing[] } {
    const fell: Hearing[] = [];
    const back: Hearing[] = [];
    this.counts.proved = this.counts['waited-for'] = this.counts.deaf = this.counts.off = 0;
    for (const node of nodes) {
      if (nowMs - Math.max(node.lastSeenMs, this.startedMs) >= this.afterMs) continue;
      const state = stateOf(node, nowMs, this.startedMs);
      this.counts[state] += 1;
      const told = this.deaf.get(keyOf(node));
      if (state === 'deaf' && told === undefined) {
        this.deaf.set(keyOf(node), node);
        fell.push(node);
      } else if (state !== 'deaf' && told !== undefined) {
        this.deaf.delete(keyOf(node));
        back.push(told);
      }
    }
    return { fell, back };
  }

  /** It was not told after all: it is the next time that somebody looks. */
  forget(node: Hearing): void {
    this.deaf.delete(keyOf(node));
  }

  /** That it is back was not told. */
  recall(node: Hearing): void {
    if (!this.deaf.has(keyOf(node))) this.deaf.set(keyOf(node), node);
  }
}

/** Of one deafness: told twice, as after a restart of central, it is the same alert; asked for anew, it is another. */
export function deafAlert({ cluster, node, provedMs, sinceMs }: Hearing): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([DEAF, cluster, node, Math.max(provedMs, sinceMs)]))
    .digest('hex');
  return `alr-${digest.slice(0, 20)}`;
}

const WHY: Readonly<Record<string, string>> = {
  missed: 'The last one was made and never seen: records do not come through, or are not judged.',
  late: 'The last one was seen too late.',
  failed: 'The last one could not be made.',
  forged: 'What was seen in its place was another process.',
};

export function deafnessOf(hearing: Hearing, nowMs: number): Evidence {
  const { cluster, node, provedMs, sinceMs, result, detail, intervalMs } = hearing;
  const since = provedMs === 0 ? 'as long as it is known' : `since ${new Date(provedMs).toISOString()}`;
  const why = `${WHY[result] ?? 'None was told any more.'}${detail === '' ? '' : ` (${detail})`}`;
  return evidenceOfNode({
    ...{ cluster, node, id: deafAlert(hearing), detector: DEAF },
    ...{ firstMs: provedMs || sinceMs, lastMs: nowMs },
    title: `Node ${node} is deaf: nothing has proved ${since} that it sees`,
    explanation: [
      `Its agent speaks, and starts a harmless program of its own every ${Math.round(intervalMs / 1000)} s to be seen.`,
      why,
      'What happens there may not be seen until it is proved again; `picket status` and `picket doctor` on the node say more.',
    ],
  });
}
