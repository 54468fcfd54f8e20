/** The policies of a quarantine: the plain one that allows nothing, and rules that deny where a cluster has such. */
import type { KubeObject, ObjectRef, Resource } from '../../../kit/kube/resource.ts';
import { apiVersionOf } from '../../../kit/kube/resource.ts';
import { type On, ORDER_LABEL } from './action.ts';

export interface Barrier {
  readonly resource: Resource;
  refOf(on: On): ObjectRef;
  bodyOf(on: On, label: string): Record<string, unknown>;
}

/** Before every rule of people: their priorities begin at 0. */
const FIRST = 0;

function barrier(resource: Resource, specOf: (on: On, selected: object) => object): Barrier {
  const name = (on: On): string => `picket-${on.order}`;
  return {
    resource,
    refOf: (on) => ({
      resource,
      name: name(on),
      ...(resource.namespaced ? { namespace: on.target.namespace } : {}),
    }),
    bodyOf: (on, label) => ({
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: { name: name(on), labels: { [ORDER_LABEL]: on.order } },
      spec: specOf(on, { matchLabels: { [label]: on.order } }),
    }),
  };
}

export const NETWORK_POLICY = barrier(
  {
    group: 'networking.k8s.io',
    version: 'v1',
    plural: 'networkpolicies',
    kind: 'NetworkPolicy',
    namespaced: true,
  },
  (_, podSelector) => ({ podSelector, policyTypes: ['Ingress', 'Egress'] }),
);

export const DENY_RULES: readonly Barrier[] = [
  barrier(
    {
      group: 'cilium.io',
      version: 'v2',
      plural: 'ciliumnetworkpolicies',
      kind: 'CiliumNetworkPolicy',
      namespaced: true,
    },
    (_, endpointSelector) => ({
      endpointSelector,
      ingressDeny: [{ fromEntities: ['all'] }],
      egressDeny: [{ toEntities: ['all'] }],
    }),
  ),
  barrier(
    {
      group: 'policy.networking.k8s.io',
      version: 'v1alpha1',
      plural: 'adminnetworkpolicies',
      kind: 'AdminNetworkPolicy',
      namespaced: false,
    },
    ({ target }, podSelector) => ({
      priority: FIRST,
      subject: {
        pods: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': target.namespace } },
          podSelector,
        },
      },
      ingress: [{ name: 'none', action: 'Deny', from: [{ namespaces: {} }] }],
      egress: [{ name: 'none', action: 'Deny', to: [{ networks: ['0.0.0.0/0', '::/0'] }] }],
    }),
  ),
];

interface Expression {
  readonly key?: unknown;
  readonly operator?: unknown;
  readonly values?: unknown;
}

function holds({ key, operator, values }: Expression, labels: Readonly<Record<string, string>>): boolean {
  const found = labels[String(key)];
  const among = Array.isArray(values) && found !== undefined && values.includes(found);
  if (operator === 'In') return among;
  if (operator === 'NotIn') return !among;
  return operator === 'Exists' ? found !== undefined : found === undefined;
}

/** Whether a policy selects a pod of these labels. */
export function selectsAnyway(policy: KubeObject, labels: Readonly<Record<string, string>>): boolean {
  const selector = (policy['spec'] as { podSelector?: object } | undefined)?.podSelector as
    | { matchLabels?: Record<string, string>; matchExpressions?: readonly Expression[] }
    | undefined;
  return (
    Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector?.matchExpressions ?? []).every((expression) => holds(expression, labels))
  );
}
