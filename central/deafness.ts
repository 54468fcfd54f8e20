/** The way of canaries through central: kept and told with the report, missed at each tick, taken back when one comes. */
import type { Clock } from '../kit/clock.ts';
import type { Metrics } from '../kit/metrics.ts';
import { Deafness, deafAlert, deafnessOf, type Hearing } from './correlate/deafness.ts';
import { eachOf } from './each.ts';
import { type About, aboutIncident } from './notify/about.ts';
import type { Pipeline } from './pipeline.ts';
import type { Store } from './store/database.ts';

/** Nodes that are looked at, those heard last first; more are counted nowhere and never deaf. */
const NODES = 10_000;
/** A node that was not heard for so long is silent or gone: whether it sees is no question. */
const HEARD_MS = 86_400_000;

export interface DeafnessParts {
  readonly store: Store;
  readonly pipeline: Pick<Pipeline, 'takeEvidence'>;
  readonly notify: (about: About) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** A node that said nothing for so long is silent. */
  readonly silentAfterMs: number;
}

export function createDeafness(parts: DeafnessParts): { tick(): Promise<void> } {
  const { store, pipeline, notify, clock, metrics, silentAfterMs } = parts;
  const deafness = new Deafness({ afterMs: silentAfterMs, startedMs: clock.wallMs() });
  metrics.gauge(
    'canary_nodes',
    'Nodes that speak, by whether their canaries prove that they see; off: they make none.',
    ['state'],
    (gauge) => {
      for (const [state, count] of Object.entries(deafness.counts)) gauge.set({ state }, count);
    },
  );
  const tell = (node: Hearing, nowMs: number): Promise<void> =>
    pipeline.takeEvidence(async ({ outside, incidents }) => {
      // A restart asks again: the same deafness was told, and its incident has ended since.
      if (await incidents.isClosedFor(deafAlert(node))) return [];
      const evidence = deafnessOf(node, nowMs);
      await outside.add(evidence, 'node');
      return [evidence];
    });
  const takeBack = async (node: Hearing): Promise<void> => {
    const homes = await store.incidents.memberships([deafAlert(node)]);
    const id = homes.get(deafAlert(node));
    const incident = id === undefined ? null : await store.incidents.get(id);
    if (incident === null) return;
    // Alone it was the incident; with others it stays a part of theirs.
    if (incident.members.length === 1) await store.incidents.setState(incident.id, 'closed');
    const text = `Node ${node.node} is proved to see again, or was told not to prove it any more.`;
    notify(aboutIncident('node-back', incident, { text, orders: [], actor: `node:${node.node}` }));
  };
  return {
    async tick() {
      const nowMs = clock.wallMs();
      const { fell, back } = deafness.look(await store.canaries.hearings(NODES, nowMs - HEARD_MS), nowMs);
      const told = await eachOf(
        fell,
        (node) => tell(node, nowMs),
        (node) => deafness.forget(node),
      );
      const taken = await eachOf(back, takeBack, (node) => deafness.recall(node));
      const [failed] = [...told, ...taken];
      if (failed !== undefined) throw failed;
    },
  };
}
