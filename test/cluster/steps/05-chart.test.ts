/** The chart by itself: what Helm, and an API server that keeps nothing, say of it with each of its switches. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { programsFolder } from '../binaries.ts';
import { CHART, INSTALL_FILE, render, renderInstall } from '../chart.ts';
import { attach } from '../cluster.ts';

const cluster = attach();
const helm = join(programsFolder(), 'helm');

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
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

  test('custom resources are made or not, and kept or not', async () => {
    const made = (await kinds({})).filter((name) => name.startsWith('CustomResourceDefinition/'));
    const none = (await kinds({ crds: { install: false } })).filter((name) => name.startsWith('Custom'));
    expect(none).toEqual([]);
    const kept = (await render(helm, {})).split('helm.sh/resource-policy: keep').length - 1;
    expect(kept).toBe(made.length);
    expect(await render(helm, { crds: { keep: false } })).not.toContain('resource-policy');
  });
});
