/** The chart by itself: what Helm, and an API server that keeps nothing, say of it with each of its switches. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { WEBHOOK, WEBHOOK_PERMISSIONS } from '../../../central/pki/publish.ts';
import { type Permission, permissionLines } from '../../../kit/kube/permission.ts';
import { programsFolder } from '../binaries.ts';
import { CHART, INSTALL_FILE, render, renderInstall } from '../chart.ts';
import { attach } from '../cluster.ts';

const cluster = attach();
const helm = join(programsFolder(), 'helm');

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly rules?: readonly Permission[];
}
async function kinds(values: object): Promise<string[]> {
  const text = await render(helm, values);
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Rendered | null);
  return objects.flatMap((object) => (object === null ? [] : [`${object.kind}/${object.metadata.name}`]));
}

test('passes the linter', async () => {
  expect(await cluster.helm(['lint', '--strict', CHART])).toContain('0 chart(s) failed');
});

test('install.yaml is the chart as it is rendered now', async () => {
  expect(readFileSync(INSTALL_FILE, 'utf8')).toBe(await renderInstall(helm));
});

test('every object of install.yaml is accepted, with no field that the API does not know', async () => {
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'picket' } });
  const flags = ['--dry-run=server', '--validate=strict'];
  const told = await cluster.kubectl(['apply', ...flags, '-f', INSTALL_FILE]);
  expect(told).toContain('daemonset.apps/picket-agent created');
});

test('refuses a value that it does not know', async () => {
  await expect(render(helm, { agent: { tolerate: [] } })).rejects.toThrow(/tolerate/);
  await expect(render(helm, { cluster: 'a b' })).rejects.toThrow(/cluster/);
});

describe('switches', () => {
  test('persistence off: no claim', async () => {
    const claim = 'PersistentVolumeClaim/picket-central';
    expect(await kinds({})).toContain(claim);
    expect(await kinds({ central: { persistence: { enabled: false } } })).not.toContain(claim);
    expect(await kinds({ central: { persistence: { existingClaim: 'a' } } })).not.toContain(claim);
  });

  test('network policies, scraping and the release of nodes come and go', async () => {
    const [all, none] = [
      await kinds({ monitoring: { serviceMonitor: true } }),
      await kinds({ networkPolicies: { enabled: false }, uninstall: { releaseNodes: false } }),
    ];
    for (const name of ['NetworkPolicy/picket-central', 'Job/picket-uninstall']) {
      expect(all).toContain(name);
      expect(none).not.toContain(name);
    }
    expect(all).toContain('ServiceMonitor/picket-central');
    expect(none).not.toContain('ServiceMonitor/picket-central');
  });

  test('with admission, who asks for a way into a pod is told, and central may keep that webhook and no other', async () => {
    const values = { central: { admission: true } };
    for (const name of ['ValidatingWebhookConfiguration/picket', 'ClusterRole/picket-admission']) {
      expect(await kinds(values)).toContain(name);
      expect(await kinds({})).not.toContain(name);
    }
    const text = await render(helm, values);
    const objects = parseAllDocuments(text).map((document) => document.toJS() as Rendered | null);
    const role = objects.find((object) => object?.metadata.name === 'picket-admission');
    expect(permissionLines(role?.rules ?? [])).toEqual(permissionLines(WEBHOOK_PERMISSIONS));
    expect(text).toContain(`name: ${WEBHOOK}`);
  });

  test('what watches picket finds what it names: a port of the Service, rules, a dashboard', async () => {
    const values = {
      monitoring: { serviceMonitor: true, alertRules: true, dashboards: true, labels: { team: 'x' } },
    };
    const objects = parseAllDocuments(await render(helm, values)).map((document) => document.toJS());
    const of = (kind: string, name: string) =>
      objects.find((object) => object?.kind === kind && object.metadata.name === name);
    const [monitor, service] = [of('ServiceMonitor', 'picket-central'), of('Service', 'picket-central')];
    expect(service.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
    const ports = service.spec.ports.map(({ name }: { name: string }) => name);
    for (const { port } of monitor.spec.endpoints) expect(ports).toContain(port);
    const rules = of('PrometheusRule', 'picket-picket');
    expect(rules.spec.groups.flatMap((group: { rules: object[] }) => group.rules).length).toBeGreaterThan(10);
    const boards = of('ConfigMap', 'picket-dashboards');
    expect(JSON.parse(boards.data['picket.json']).panels.length).toBeGreaterThan(3);
    for (const object of [monitor, rules, boards]) expect(object.metadata.labels.team).toBe('x');
  });

  test('who is told, and the secrets for it, come with values and not without', async () => {
    const told = { central: { notify: { documents: 'kind: PicketNotifier', secret: 'people' } } };
    expect(await kinds(told)).toContain('ConfigMap/picket-notify');
    expect(await render(helm, told)).toContain('secretName: people');
    expect(await kinds({})).not.toContain('ConfigMap/picket-notify');
  });

  test('custom resources are made or not, and kept or not', async () => {
    const made = (await kinds({})).filter((name) => name.startsWith('CustomResourceDefinition/'));
    const none = (await kinds({ crds: { install: false } })).filter((name) => name.startsWith('Custom'));
    expect(none).toEqual([]);
    const kept = (await render(helm, {})).split('helm.sh/resource-policy: keep').length - 1;
    expect(kept).toBe(made.length);
    expect(await render(helm, { crds: { keep: false } })).not.toContain('resource-policy');
  });
});
