/** Who asked the API server for a way into a pod is named on what the processes there did. */
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { incidents, metric } from '../release.ts';
import { podOfShop, SHOP } from '../shop.ts';

const cluster = attach();
const DANA = join(cluster.folder, 'pki/dana.kubeconfig');
let pod = '';

beforeAll(async () => {
  pod = await podOfShop(cluster);
  const about = (kind: string, more: object): object => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: { name: 'looks-around', namespace: SHOP },
    ...more,
  });
  await cluster.apply(
    about('Role', {
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
        { apiGroups: [''], resources: ['pods/exec'], verbs: ['get', 'create'] },
      ],
    }),
    about('RoleBinding', {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'looks-around' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'dana' }],
    }),
  );
});

/** What incidents say of dana's ways into the pod: each names the process that began there. */
async function entered(): Promise<string[]> {
  const lines = (await incidents(cluster)).flatMap(({ timeline }) => timeline as { text: string }[]);
  return lines
    .map(({ text }) => text)
    .filter((text) => text.startsWith(`dana entered ${SHOP}/${pod}/web and started`));
}

/**
 * Has dana do it in the pod, and waits until a process is told of that was not before. Each time another deed: the same
 * again is no news of a workload that is still learnt, whoever does it.
 */
async function does(deed: string): Promise<string> {
  const before = new Set(await entered());
  await cluster.kubectl(['--kubeconfig', DANA, 'exec', '-n', SHOP, pod, '--', 'sh', '-c', deed]);
  const told = async (): Promise<string | undefined> => (await entered()).find((text) => !before.has(text));
  return until('dana on the process', told, 60_000);
}
const asked = (route: string): Promise<number> =>
  metric(cluster, `picket_central_audit_requests_total{route="${route}",code="ok"}`);

test('told by the admission webhook of the chart', async () => {
  const configured = (): Promise<string> =>
    cluster.kubectl(['get', 'validatingwebhookconfiguration', 'picket', '-o', 'json']);
  await until('the authority in the webhook', async () => (await configured()).includes('"caBundle"'));
  const before = await asked('admission');
  expect(await does('cp /bin/busybox /tmp/date; /tmp/date')).toContain('asked with this command');
  expect([(await asked('admission')) > before, await asked('audit')]).toEqual([true, 0]);
});
