/** The way of a node's silence through the stages: noticed at each tick, kept, told; taken back when it speaks again. */
import type { Clock } from '../kit/clock.ts';
import type { Metrics } from '../kit/metrics.ts';
import { type SeenNode, Silence, silenceAlert, silenceOf } from './correlate/silence.ts';
import { eachOf } from './each.ts';
import { type About, aboutIncident } from './notify/about.ts';
import type { Pipeline } from './pipeline.ts';
import type { Store } from './store/database.ts';

/** Nodes that are looked at, those heard last first; more are counted nowhere and never silent. */
const NODES = 10_000;

export interface SilenceParts {
  readonly store: Store;
  readonly pipeline: Pick<Pipeline, 'takeEvidence'>;
  readonly notify: (about: About) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly afterMs: number;
}

export function createSilence(parts: SilenceParts): { tick(): Promise<void> } {
  const { store, pipeline, notify, clock, metrics, afterMs } = parts;
  const silence = new Silence({ afterMs, startedMs: clock.wallMs() });
  let known = 0;
  metrics.gauge('nodes', 'Nodes that were ever heard, by whether they speak now.', ['state'], (gauge) => {
    gauge.set({ state: 'silent' }, silence.count);
    gauge.set({ state: 'speaking' }, known - silence.count);
  });
  const tell = (node: SeenNode, nowMs: number): Promise<void> =>
    pipeline.takeEvidence(async ({ outside, incidents }) => {
      // A restart asks again: the same silence was told, and its incident has ended since.
      if (await incidents.isClosedFor(silenceAlert(node))) return [];
      const evidence = silenceOf(node, nowMs);
      await outside.add(evidence, 'node');
      return [evidence];
    });
  const takeBack = async (node: SeenNode): Promise<void> => {
    const homes = await store.incidents.memberships([silenceAlert(node)]);
    const id = homes.get(silenceAlert(node));
    const incident = id === undefined ? null : await store.incidents.get(id);
    if (incident === null) return;
    // Alone it was the incident; with others it stays a part of theirs.
    if (incident.members.length === 1) await store.incidents.setState(incident.id, 'closed');
    const text = `Node ${node.node} speaks again.`;
    notify(aboutIncident('node-back', incident, { text, orders: [], actor: `node:${node.node}` }));
  };
  return {
    async tick() {
      const nowMs = clock.wallMs();
      const nodes = await store.reports.nodes(NODES);
      known = nodes.length;
      const { fell, back } = silence.look(nodes, nowMs);
      const told = await eachOf(
        fell,
        (node) => tell(node, nowMs),
        (node) => silence.forget(node),
      );
      const taken = await eachOf(back, takeBack, (node) => silence.recall(node));
      const [failed] = [...told, ...taken];
      if (failed !== undefined) throw failed;
    },
  };
}
