/** A workload with a life of its own: it serves a page and asks itself for it, each second. */
import { BUSYBOX_IMAGE } from './archive.ts';
import type { Cluster } from './cluster.ts';

export const SHOP = 'shop';
/** As baselines name it, in the cluster that release.ts installs as `test`. */
export const WEB = 'test/shop/Deployment/web/web';

const SCRIPT = `mkdir -p /tmp/www && echo welcome > /tmp/www/index.html
httpd -p 8080 -h /tmp/www
trap 'exit 0' TERM
while true; do echo 'GET / HTTP/1.0' | nc 127.0.0.1 8080 > /dev/null; sleep 1 & wait $!; done`;

/** Makes the shop and returns its pod's name. */
export async function deployShop(cluster: Cluster): Promise<string> {
  const labels = { app: 'web' };
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SHOP } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: SHOP },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 2,
            containers: [
              {
                name: 'web',
                image: BUSYBOX_IMAGE,
                imagePullPolicy: 'Never',
                command: ['/bin/sh', '-c', SCRIPT],
              },
            ],
          },
        },
      },
    },
  );
  await cluster.kubectl(['rollout', 'status', 'deployment/web', '-n', SHOP, '--timeout=180s']);
  return podOfShop(cluster);
}

export function podOfShop(cluster: Cluster): Promise<string> {
  const names = ['pods', '-n', SHOP, '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}'];
  return cluster.kubectl(['get', ...names]);
}
