/** The way of a node's silence through the stages: noticed at each tick, kept, told; taken back when it speaks again. */
import type { Clock } from '../kit/clock.ts';
import type { Metrics } from '../kit/metrics.ts';
import { type SeenNode, Silence, silenceAlert, silenceOf } from './correlate/silence.ts';
import { type TellingParts, type Trouble, tellNodes } from './node-telling.ts';

/** Nodes that are looked at, those heard last first; more are counted nowhere and never silent. */
const NODES = 10_000;

export interface SilenceParts extends TellingParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly afterMs: number;
}

export function createSilence(parts: SilenceParts): { tick(): Promise<void> } {
  const { store, clock, metrics, afterMs } = parts;
  const silence = new Silence({ afterMs, startedMs: clock.wallMs() });
  let known = 0;
  metrics.gauge('nodes', 'Nodes that were ever heard, by whether they speak now.', ['state'], (gauge) => {
    gauge.set({ state: 'silent' }, silence.count);
    gauge.set({ state: 'speaking' }, known - silence.count);
  });
  const trouble: Trouble<SeenNode> = {
    told: silence,
    alertOf: silenceAlert,
    evidenceOf: silenceOf,
    over: ({ node }) => `Node ${node} speaks again.`,
  };
  return {
    async tick() {
      const nowMs = clock.wallMs();
      const nodes = await store.reports.nodes(NODES);
      known = nodes.length;
      await tellNodes(parts, trouble, silence.look(nodes, nowMs), nowMs);
    },
  };
}
