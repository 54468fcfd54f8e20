/** The API servers that central speaks to: that of its own cluster, and those of further ones whose agents it takes. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubeClient } from '../kit/kube/client.ts';
import type { KubeConfig } from '../kit/kube/config.ts';
import { kubeConfig } from '../kit/kube/settings.ts';
import type { Metrics } from '../kit/metrics.ts';
import type { CentralSettings } from './settings.ts';

export type Clusters = ReadonlyMap<string, KubeClient>;

/** `name=folder`; the folder has the files `server`, `token` and `ca.crt`, as a mounted Secret does. */
function further(entry: string): readonly [string, KubeConfig] {
  const [name = '', folder = ''] = entry.split('=', 2);
  const server = join(folder, 'server');
  if (name === '' || !existsSync(server))
    throw new Error(`further-clusters: ${entry}: not name=folder with the files server, token and ca.crt`);
  const caFile = join(folder, 'ca.crt');
  const url = readFileSync(server, 'utf8').trim();
  return [name, { url, tokenFile: join(folder, 'token'), ...(existsSync(caFile) ? { caFile } : {}) }];
}

/** Empty where there is no Kubernetes. @throws Error when a further cluster is not described as it must be */
export function openClusters(settings: CentralSettings, metrics: Metrics): Clusters {
  const own = kubeConfig(settings);
  const all = [
    ...(own === null ? [] : [[settings.cluster, own] as const]),
    ...settings['further-clusters'].map(further),
  ];
  if (all.length === 0) return new Map();
  const requests = metrics.counter(
    'kubernetes_requests_total',
    'Requests to API servers by cluster, verb and status; 0: no answer came.',
    ['cluster', 'verb', 'status'],
  );
  return new Map(
    all.map(([cluster, config]) => [
      cluster,
      new KubeClient(config, {
        userAgent: 'picket-central',
        count: (verb, status) => requests.inc({ cluster, verb, status }),
      }),
    ]),
  );
}
