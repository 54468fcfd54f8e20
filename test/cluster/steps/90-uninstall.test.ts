/** `helm uninstall` leaves what manifests/README.md says, and nothing else. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { NAMESPACE, PEOPLE } from '../release.ts';

const cluster = attach();
/** This process is inside: it is the node's. */
const PINS = '/sys/fs/bpf/picket';

test('what is pinned in the kernel is gone from the node', async () => {
  expect(readdirSync(PINS)).not.toEqual([]);
  await cluster.helm(['uninstall', 'picket', '-n', NAMESPACE, '--wait', '--timeout', '5m']);
  expect(existsSync(PINS) ? readdirSync(PINS) : []).toEqual([]);
});

test('nothing of it is left in the cluster but what is kept by choice', async () => {
  const kinds = 'all,configmap,secret,serviceaccount,role,rolebinding,networkpolicy,persistentvolumeclaim';
  const left = async (): Promise<string[]> =>
    (await cluster.kubectl(['get', kinds, '-n', NAMESPACE, '-o', 'name'])).trim().split('\n').sort();
  // Helm waits for the objects that it made, not for their pods to end.
  await expect
    .poll(left, { timeout: 120_000, interval: 1000 })
    .toEqual(['configmap/kube-root-ca.crt', `secret/${PEOPLE}`, 'serviceaccount/default']);
  const wide = ['clusterrole,clusterrolebinding,validatingwebhookconfiguration', '-o', 'name'];
  expect(await cluster.kubectl(['get', ...wide])).not.toMatch(/\/picket(-|$)/m);
});

test('the node keeps keys, baselines and the alert log', () => {
  const kept = readdirSync(join('/var/lib/picket', 'agent'));
  expect(kept).toEqual(expect.arrayContaining(['alerts.ndjson']));
  expect(kept).not.toContain('leases.json');
});
