/** The way of Falco's alerts through the stages: evidence beside our own, kept and told as ours. */
import { falcoEvidence, readFalco } from './correlate/falco.ts';
import type { Pipeline } from './pipeline.ts';
import type { Store } from './store/database.ts';

export function takeFalco(parts: {
  cluster: string;
  store: Pick<Store, 'views'>;
  pipeline: Pick<Pipeline, 'takeEvidence'>;
}): (body: Readonly<Record<string, unknown>>) => Promise<boolean> {
  const { cluster, store, pipeline } = parts;
  return async (body) => {
    const alert = readFalco(body);
    if (alert === null) return false;
    const like = alert.container === '' ? [] : await store.views.containersLike(alert.container);
    const near = like.filter((one) => one.cluster === cluster);
    const [place] = near.filter(({ node }) => near.length === 1 || node === alert.hostname);
    await pipeline.takeEvidence(async ({ outside, reports }) => {
      const container = place === undefined ? null : await reports.container(place);
      const found = place === undefined || container === null ? null : { node: place.node, container };
      const evidence = falcoEvidence(alert, { cluster, found });
      await outside.add(evidence, 'falco');
      return [evidence];
    });
    return true;
  };
}
