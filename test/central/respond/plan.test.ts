import { expect, test } from 'vitest';
import type { Incident, Involved, Member } from '../../../central/correlate/incident.ts';
import type { Severity } from '../../../central/ingest/report.ts';
import { guardPlan, type Situation } from '../../../central/respond/guard.ts';
import { planContainment, printPlan } from '../../../central/respond/plan.ts';
import { DEFAULT_ACTION, type Policy } from '../../../central/respond/policy.ts';

const involved = (id: string): Involved => ({
  node: 'n1',
  id,
  name: 'web',
  podUid: '',
  pod: '',
  namespace: 'shop',
  workload: 'c/shop/Deployment/web/web',
  image: '',
});
const member = (id: string, severity: Severity): Member => ({
  alert: `alr-${id}-${severity}`,
  container: `n1/${id}`,
  severity,
  score: 0.9,
  title: '',
  detectors: ['rarity'],
  techniques: [],
  impaired: false,
  because: '',
});
const incident = (severity: Severity, members: readonly Member[]): Incident => ({
  id: 'inc-1',
  cluster: 'c',
  state: 'open',
  severity,
  stage: 'execution',
  confidence: 0.9,
  title: '',
  firstMs: 0,
  lastMs: 0,
  members,
  involved: [...new Set(members.map(({ container }) => container.slice(3)))].map(involved),
  techniques: [],
  identities: [],
  pods: [],
  priority: 0,
  reasons: [],
  findings: [],
  reaches: [],
  matches: [],
  facts: {},
  timeline: [],
  omitted: 0,
  revision: 1,
});
const enforce = (minSeverity: Severity): Policy => ({
  name: 'enforce',
  version: 'v',
  match: { namespaces: [], workloads: [], minSeverity },
  mode: 'enforce',
  action: DEFAULT_ACTION,
  limits: { maxContainers: 9, maxPercentOfWorkload: 100, perHour: 9 },
  protectedNamespaces: [],
});
const verdicts = (of: Incident, policy: Policy): unknown =>
  planContainment(of, [policy], 0).steps.map(({ target, verdict }) => [target.id, verdict]);

test('a container whose own alerts are mild is not cut off with its neighbour', () => {
  const two = incident('high', [member('a', 'high'), member('b', 'medium')]);
  expect(verdicts(two, enforce('high'))).toEqual([
    ['a', 'execute'],
    ['b', 'record'],
  ]);
});

test('what several alerts together raised counts where the worst was seen', () => {
  const chain = incident('critical', [member('a', 'high'), member('a', 'medium'), member('b', 'medium')]);
  expect(verdicts(chain, enforce('critical'))).toEqual([
    ['a', 'execute'],
    ['b', 'record'],
  ]);
});

test('what nothing takes back is asked about unless the policy in force names it', () => {
  const named: Policy = { ...enforce('high'), action: { ...DEFAULT_ACTION, kill: true } };
  const situation: Situation = {
    active: [],
    lastHour: {},
    live: new Set(['n1 a']),
    replicas: {},
    released: new Set(),
    refused: new Set(),
    served: new Set(),
  };
  const plan = planContainment(incident('high', [member('a', 'high')]), [named], 0);
  const verdictUnder = (policy: Policy): unknown => {
    const [step] = guardPlan(plan, [policy], situation).steps;
    return [step?.verdict, step?.because];
  };
  expect(verdictUnder(named)).toEqual(['execute', 'policy enforce says enforce']);
  expect(verdictUnder(enforce('high'))).toEqual([
    'propose',
    'kill cannot be undone and enforce does not name it',
  ]);
  expect(printPlan(plan)).toContain(
    'kill what it executes; kill every process in it; for 600 s. Undo: release, none of kill. Because',
  );
});
