/** What the audit policy has an API server write down: the first rule that fits, as its documentation says. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { read } from '../architecture/sources.ts';

interface Rule {
  readonly level: string;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly resources?: readonly { readonly group: string; readonly resources?: readonly string[] }[];
}
const { rules } = parse(read('manifests/examples/audit-policy.yaml')) as { rules: readonly Rule[] };

const NODE = { user: 'system:node:n1', groups: ['system:nodes'] };
const part = (name: string) => ({ user: `system:${name}`, groups: [] as string[] });

function levelOf(who: { user: string; groups: readonly string[] }, verb: string, kind: string): string {
  const [group = '', resource = ''] = kind.includes(':') ? kind.split(':') : ['', kind];
  const fits = (rule: Rule): boolean =>
    rule.nonResourceURLs === undefined &&
    (rule.users?.includes(who.user) ?? true) &&
    (rule.userGroups?.some((one) => who.groups.includes(one)) ?? true) &&
    (rule.verbs?.includes(verb) ?? true) &&
    (rule.resources?.some(
      (one) => one.group === group && (one.resources === undefined || one.resources.includes(resource)),
    ) ??
      true);
  return rules.find(fits)?.level ?? 'None';
}

test.each([
  NODE,
  part('kube-scheduler'),
  part('kube-controller-manager'),
  part('apiserver'),
])('what is done with the stolen credential of a part of the cluster is written down: $user', (who) => {
  for (const [verb, kind] of [
    ['get', 'secrets'],
    ['list', 'secrets'],
    ['watch', 'secrets'],
    ['get', 'configmaps'],
    ['get', 'nodes/proxy'],
    ['create', 'serviceaccounts/token'],
    ['list', 'rbac.authorization.k8s.io:clusterroles'],
  ] as const)
    expect([verb, kind, levelOf(who, verb, kind)]).not.toContain('None');
  for (const kind of ['pods/exec', 'pods/attach', 'pods/portforward'])
    expect(levelOf(who, 'get', kind)).toBe('Request');
});

test('secrets and tokens are written down by name alone, whoever asks and whatever for', () => {
  for (const verb of ['get', 'list', 'create', 'update', 'delete'])
    for (const kind of ['secrets', 'serviceaccounts/token'])
      expect(levelOf({ user: 'ada', groups: [] }, verb, kind)).toBe('Metadata');
});

test('what a node or the control plane watches all day is not, and is where others ask', () => {
  for (const who of [NODE, part('kube-proxy')]) expect(levelOf(who, 'watch', 'pods')).toBe('None');
  expect(levelOf(NODE, 'watch', 'discovery.k8s.io:endpointslices')).toBe('None');
  expect(levelOf({ user: 'ada', groups: [] }, 'list', 'pods')).toBe('Metadata');
  expect(levelOf(NODE, 'create', 'pods')).toBe('Request');
});
