/**
 * The chart's rules for what central does in the cluster, made from what each action declares:
 * `node test/manifests/cluster-actions.ts` writes them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { CLUSTER_ACTIONS } from '../../central/respond/cluster/index.ts';

export const RULES_FILE = join(import.meta.dirname, '../../manifests/chart/files/cluster-actions.yaml');

export function rulesText(): string {
  const rules = CLUSTER_ACTIONS.map(({ name, permissions }) => [
    name,
    permissions.map(({ apiGroups, resources, verbs }) => ({ apiGroups, resources, verbs })),
  ]);
  const head =
    '# Written by test/manifests/cluster-actions.ts from what the actions of central/respond/cluster declare.\n';
  return head + stringify(Object.fromEntries(rules), { aliasDuplicateObjects: false });
}

if (process.argv[1] === import.meta.filename) {
  mkdirSync(dirname(RULES_FILE), { recursive: true });
  writeFileSync(RULES_FILE, rulesText());
}
