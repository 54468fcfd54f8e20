/** The way of canaries through central: kept and told with the report, missed at each tick, taken back when one comes. */
import type { Clock } from '../kit/clock.ts';
import type { Metrics } from '../kit/metrics.ts';
import { Deafness, deafAlert, deafnessOf, type Hearing } from './correlate/deafness.ts';
import { type TellingParts, type Trouble, tellNodes } from './node-telling.ts';

/** Nodes that are looked at, those heard last first; more are counted nowhere and never deaf. */
const NODES = 10_000;
/** A node that was not heard for so long is silent or gone: whether it sees is no question. */
const HEARD_MS = 86_400_000;

export interface DeafnessParts extends TellingParts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** A node that said nothing for so long is silent. */
  readonly silentAfterMs: number;
}

export function createDeafness(parts: DeafnessParts): { tick(): Promise<void> } {
  const { store, clock, metrics, silentAfterMs } = parts;
  const deafness = new Deafness({ afterMs: silentAfterMs, startedMs: clock.wallMs() });
  metrics.gauge(
    'canary_nodes',
    'Nodes that speak, by whether their canaries prove that they see; off: they make none.',
    ['state'],
    (gauge) => {
      for (const [state, count] of Object.entries(deafness.counts)) gauge.set({ state }, count);
    },
  );
  const trouble: Trouble<Hearing> = {
    told: deafness,
    alertOf: deafAlert,
    evidenceOf: deafnessOf,
    over: ({ node }) => `Node ${node} is proved to see again, or was told not to prove it any more.`,
  };
  return {
    async tick() {
      const nowMs = clock.wallMs();
      const hearings = await store.canaries.hearings(NODES, nowMs - HEARD_MS);
      await tellNodes(parts, trouble, deafness.look(hearings, nowMs), nowMs);
    },
  };
}
