import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLUSTER_ACTIONS, permissionsOf } from '../../central/respond/cluster/index.ts';
import { permissionLines } from '../../kit/kube/permission.ts';
import { RULES_FILE, rulesText } from './cluster-actions.ts';

test("the chart's rules are what the actions declare", () => {
  expect(readFileSync(RULES_FILE, 'utf8')).toBe(rulesText());
});

test('an action that is not enabled brings no permission, and none reads a secret', () => {
  expect(permissionsOf([])).toEqual([]);
  expect(permissionLines(permissionsOf(['cordon']))).toEqual(['get nodes', 'patch nodes']);
  const all = permissionLines(permissionsOf(CLUSTER_ACTIONS.map(({ name }) => name)));
  expect(all.filter((line) => line.includes('secrets'))).toEqual(['delete secrets']);
  expect(all.filter((line) => line.includes('*'))).toEqual([]);
});
