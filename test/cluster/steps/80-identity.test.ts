/** Who asked the API server for a way into a pod is named on what the processes there did, however central was told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { CENTRAL_ADDRESS, incidents, metric, NAMESPACE } from '../release.ts';
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
  const told = new RegExp(`^dana (from \\S+ )?entered ${SHOP}/${pod}/web and started`);
  return lines.map(({ text }) => text).filter((text) => told.test(text));
}

/**
 * Has dana do it in the pod, and waits until a process is told of that was not before. Each time another deed: the same
 * again is no news of a workload that is still learnt, whoever does it.
 */
async function does(deed: string): Promise<string> {
  const before = new Set(await entered());
  await cluster.kubectl(['--kubeconfig', DANA, 'exec', '-n', SHOP, pod, '--', 'sh', '-c', deed]);
  const told = async (): Promise<string | undefined> => (await entered()).find((text) => !before.has(text));
  return until('dana on the process', told, 180_000);
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

/** The file that an API server is told with where its audit log goes. */
async function webhookFile(): Promise<string> {
  const central = ['exec', '-n', NAMESPACE, 'deploy/picket-central', '-c', 'central', '--'];
  const token = await cluster.kubectl([...central, 'cat', '/var/lib/picket/central/audit-token']);
  const path = ['-o', 'jsonpath={.data.ca\\.crt}'];
  const ca = await cluster.kubectl(['get', 'configmap', 'picket-ca', '-n', NAMESPACE, ...path]);
  const server = `https://${CENTRAL_ADDRESS}:7447/v1/audit`;
  const authority = Buffer.from(ca).toString('base64');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'picket', cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name: 'picket', user: { token: token.trim() } }],
    contexts: [{ name: 'picket', context: { cluster: 'picket', user: 'picket' } }],
    'current-context': 'picket',
  };
  const file = join(cluster.folder, 'audit-webhook.json');
  writeFileSync(file, JSON.stringify(kubeconfig), { mode: 0o600 });
  return file;
}

test('told by the audit webhook, with the admission webhook away', async () => {
  await cluster.kubectl(['delete', 'validatingwebhookconfiguration', 'picket']);
  const flags = [`--audit-webhook-config-file=${await webhookFile()}`, '--audit-webhook-batch-max-wait=1s'];
  await cluster.restart('kube-apiserver', flags);
  await until('the first of the audit log', async () => (await asked('audit')) > 0);
  const before = await asked('admission');
  expect(await does('echo /tmp/made-up.so > /etc/ld.so.preload')).toMatch(
    /^dana from .*asked with this command/,
  );
  expect(await asked('admission')).toBe(before);
});
