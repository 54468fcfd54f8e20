/** Kinds that deny traffic, as clusters with such a network plugin have them; only their place in the API counts here. */
import type { Cluster } from './cluster.ts';

function kindOf(group: string, version: string, kind: string, scope: 'Namespaced' | 'Cluster') {
  const singular = kind.toLowerCase();
  const plural = singular.replace(/y$/, 'ies');
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  // A protected group; nobody asks who these two are.
  const annotations = { 'api-approved.kubernetes.io': 'unapproved, for a test' };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, annotations },
    spec: {
      group,
      scope,
      names: { kind, plural, singular },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

const KINDS = [
  kindOf('cilium.io', 'v2', 'CiliumNetworkPolicy', 'Namespaced'),
  kindOf('policy.networking.k8s.io', 'v1alpha1', 'AdminNetworkPolicy', 'Cluster'),
];

export async function knowDenyRules(cluster: Cluster): Promise<void> {
  await cluster.apply(...KINDS);
  const names = KINDS.map(({ metadata }) => `crd/${metadata.name}`);
  await cluster.kubectl(['wait', '--for=condition=Established', ...names, '--timeout=60s']);
}

export async function forgetDenyRules(cluster: Cluster): Promise<void> {
  const names = KINDS.map(({ metadata }) => metadata.name);
  await cluster.kubectl(['delete', 'crd', ...names, '--ignore-not-found', '--wait=false']);
}
