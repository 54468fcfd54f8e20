/** What befell nodes and what is over, told: kept as evidence once, also over restarts of central, and taken back. */
import type { Evidence } from './correlate/incident.ts';
import { eachOf } from './each.ts';
import { type About, aboutIncident } from './notify/about.ts';
import type { Pipeline } from './pipeline.ts';
import type { Store } from './store/database.ts';

export interface TellingParts {
  readonly store: Store;
  readonly pipeline: Pick<Pipeline, 'takeEvidence'>;
  readonly notify: (about: About) => void;
}

/** One kind of trouble: who remembers what was told of it, and its words. */
export interface Trouble<T extends { readonly node: string }> {
  readonly told: { forget(node: T): void; recall(node: T): void };
  readonly alertOf: (node: T) => string;
  readonly evidenceOf: (node: T, nowMs: number) => Evidence;
  readonly over: (node: T) => string;
}

export interface Change<T> {
  readonly fell: readonly T[];
  readonly back: readonly T[];
}

/** @throws the first thing that failed, after all the others were told; what failed is told the next time. */
export async function tellNodes<T extends { readonly node: string }>(
  { store, pipeline, notify }: TellingParts,
  { told, alertOf, evidenceOf, over }: Trouble<T>,
  { fell, back }: Change<T>,
  nowMs: number,
): Promise<void> {
  const tell = (node: T): Promise<void> =>
    pipeline.takeEvidence(async ({ outside, incidents }) => {
      // A restart asks again: the same was told, and its incident has ended since.
      if (await incidents.isClosedFor(alertOf(node))) return [];
      const evidence = evidenceOf(node, nowMs);
      await outside.add(evidence, 'node');
      return [evidence];
    });
  const takeBack = async (node: T): Promise<void> => {
    const homes = await store.incidents.memberships([alertOf(node)]);
    const id = homes.get(alertOf(node));
    const incident = id === undefined ? null : await store.incidents.get(id);
    if (incident === null) return;
    // Alone it was the incident; with others it stays a part of theirs.
    if (incident.members.length === 1) await store.incidents.setState(incident.id, 'closed');
    const about = { text: over(node), orders: [], actor: `node:${node.node}` };
    notify(aboutIncident('node-back', incident, about));
  };
  const failed = await eachOf(fell, tell, (node) => told.forget(node));
  const [problem] = [...failed, ...(await eachOf(back, takeBack, (node) => told.recall(node)))];
  if (problem !== undefined) throw problem;
}
