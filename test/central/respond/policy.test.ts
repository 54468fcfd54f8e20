import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PolicyError, parsePolicies, policyFor } from '../../../central/respond/policy.ts';
import { EXAMPLES } from '../harness.ts';

const parse = (text: string) => parsePolicies([{ path: 'p.yaml', text }]);

it('reads the shipped example for the demo as it says', () => {
  const text = readFileSync(join(EXAMPLES, 'enforce-demo.yaml'), 'utf8');
  const { policies, exceptions, documents } = parse(text);
  expect(policies).toEqual([
    {
      name: 'enforce-demo',
      version: documents[0]?.version,
      match: { namespaces: ['demo'], workloads: [], minSeverity: 'high' },
      mode: 'enforce',
      action: {
        networkDeny: true,
        killOnExec: true,
        execDeny: false,
        cutProbes: false,
        allow: [],
        freeze: false,
        kill: false,
        cluster: [],
        leaseMs: 600_000,
      },
      limits: { maxContainers: 2, maxPercentOfWorkload: 100, perHour: 10 },
      protectedNamespaces: ['kube-system'],
    },
  ]);
  expect(exceptions).toEqual([]);
});

it('reads every shipped example, all at once', () => {
  const files = readdirSync(EXAMPLES).map((path) => ({
    path,
    text: readFileSync(join(EXAMPLES, path), 'utf8'),
  }));
  expect(parsePolicies(files).documents.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'PicketPolicy ask-production',
    'PicketException nightly-backup',
    'PicketPolicy enforce-demo',
    'PicketPolicy observe-all',
  ]);
});

it('gives a document the same version however it is written', () => {
  const one = 'apiVersion: picket.dev/v1alpha1\nkind: PicketPolicy\nmetadata: {name: a}\nspec: {mode: ask}\n';
  const two =
    '{"spec":{"mode":"ask"},"metadata":{"name":"a"},"kind":"PicketPolicy","apiVersion":"picket.dev/v1alpha1"}';
  const version = (text: string) => parse(text).documents[0]?.version;
  expect([version(one), version(one) === version(one.replace('ask', 'observe'))]).toEqual([
    version(two),
    false,
  ]);
});

it('lists every violation with its path and the value found', () => {
  const text = `
apiVersion: picket.dev/v2
kind: PicketPolicy
metadata: { name: UPPER }
spec:
  match: { namespaces: demo, minSeverity: bad }
  mode: destroy
  action: { lease: soon, networkDeny: 1, reboot: true }
  limits: { maxContainers: -1, maxPercentOfWorkload: 101 }
---
kind: PicketException
`;
  let violations: readonly string[] = [];
  try {
    parse(text);
  } catch (error) {
    if (error instanceof PolicyError) violations = error.violations;
  }
  expect(violations).toEqual([
    'p.yaml: document 1: apiVersion: "picket.dev/v2" is not one of picket.dev/v1alpha1',
    'p.yaml: document 1: metadata.name: "UPPER" is not a name of a-z 0-9 . -',
    'p.yaml: document 1: spec.action.reboot: no such field; there are networkDeny, killOnExec, execDeny, cutProbes, allow, freeze, kill, cluster, lease',
    'p.yaml: document 1: spec.match.namespaces: "demo" is not a list of texts',
    'p.yaml: document 1: spec.match.minSeverity: "bad" is not one of info, low, medium, high, critical',
    'p.yaml: document 1: spec.mode: "destroy" is not one of observe, ask, enforce',
    'p.yaml: document 1: spec.action.networkDeny: 1 is not true or false',
    'p.yaml: document 1: spec.action.lease: "soon" is not a duration such as 10m, up to 7d',
    'p.yaml: document 1: spec.limits.maxContainers: -1 is not a whole number from 0 to 10000',
    'p.yaml: document 1: spec.limits.maxPercentOfWorkload: 101 is not a whole number from 0 to 100',
    'p.yaml: document 2: apiVersion: missing; wanted one of picket.dev/v1alpha1',
    'p.yaml: document 2: metadata.name: missing; wanted a name of a-z 0-9 . -',
    'p.yaml: document 2: spec.match.workload: missing; wanted a text',
    'p.yaml: document 2: spec.reason: missing; wanted a text',
  ]);
});

it('refuses two documents of one name, and text that is no YAML', () => {
  const one = 'apiVersion: picket.dev/v1alpha1\nkind: PicketPolicy\nmetadata: {name: a}\nspec: {mode: ask}\n';
  expect(() => parse(`${one}---\n${one}`)).toThrow('PicketPolicy a is already in p.yaml: document 1');
  expect(() => parse('a: [')).toThrow('p.yaml: document 1: ');
});

it('picks the first that matches, and none below its severity', () => {
  const document = (name: string, spec: string) =>
    `apiVersion: picket.dev/v1alpha1\nkind: PicketPolicy\nmetadata: {name: ${name}}\nspec: ${spec}\n---\n`;
  const { policies } = parse(
    document('web', '{match: {workloads: ["*/Deployment/web/*"], minSeverity: critical}, mode: enforce}') +
      document('prod', '{match: {namespaces: [prod-*]}, mode: ask}'),
  );
  const pick = (namespace: string, severity: 'medium' | 'high' | 'critical') =>
    policyFor(policies, { namespace, workload: `c/${namespace}/Deployment/web/web`, severity })?.name ?? null;
  expect([
    pick('prod-1', 'critical'),
    pick('prod-1', 'high'),
    pick('prod-1', 'medium'),
    pick('dev', 'high'),
  ]).toEqual(['web', 'prod', null, null]);
});
