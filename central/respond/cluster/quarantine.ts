/**
 * NetworkPolicies only add up: one that allows nothing denies nothing that another allows. So the pod is taken out of
 * reach of the others first: it loses its labels, by which policies, Services and its owner know it, and has one instead
 * that a policy of ours, which allows nothing, selects. What selects all pods of the namespace still does; where the
 * cluster has deny rules (Cilium, AdminNetworkPolicy), one of those closes that too. Its owner starts a pod in its place.
 */
import { isKubeError } from '../../../kit/kube/error.ts';
import type { Permission } from '../../../kit/kube/permission.ts';
import type { KubeObject } from '../../../kit/kube/resource.ts';
import { type ClusterAction, MANAGER, type On, ORDER_LABEL } from './action.ts';
import { type Barrier, DENY_RULES, NETWORK_POLICY, selectsAnyway } from './barriers.ts';
import { findPod, READ_PODS, refOf, wantPod } from './pods.ts';

export const QUARANTINE_LABEL = 'picket.dev/quarantine';
const POLICIES = { resource: NETWORK_POLICY.resource };

const labelsIn = (before: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  (before['labels'] as Readonly<Record<string, string>> | undefined) ?? {};

async function put(on: On, barrier: Barrier): Promise<boolean> {
  const { namespace } = barrier.refOf(on);
  const where = { resource: barrier.resource, ...(namespace === undefined ? {} : { namespace }) };
  try {
    await on.kube.create(where, barrier.bodyOf(on, QUARANTINE_LABEL), { fieldManager: MANAGER });
    return true;
  } catch (error) {
    if (isKubeError(error, 'AlreadyExists')) return true;
    // The API is not there.
    if (barrier !== NETWORK_POLICY && isKubeError(error, 'NotFound')) return false;
    throw error;
  }
}

async function relabel(on: On, pod: KubeObject): Promise<void> {
  const gone = Object.fromEntries(Object.keys(pod.metadata.labels ?? {}).map((name) => [name, null]));
  await on.kube.patch(
    refOf(on.target),
    // Only this very pod: another of its name has another UID, and the server refuses.
    { metadata: { uid: on.target.podUid, labels: { ...gone, [QUARANTINE_LABEL]: on.order } } },
    { fieldManager: MANAGER },
  );
}

const permissions: readonly Permission[] = [
  READ_PODS,
  { apiGroups: [''], resources: ['pods'], verbs: ['patch'], because: "The pod's labels." },
  {
    apiGroups: ['networking.k8s.io'],
    resources: ['networkpolicies'],
    verbs: ['create', 'get', 'list', 'delete'],
    because: 'A policy of its own; which others select the pod all the same.',
  },
  ...DENY_RULES.map(({ resource }) => ({
    apiGroups: [resource.group],
    resources: [resource.plural],
    verbs: ['create', 'get', 'delete'],
    because: 'A rule that denies, where the cluster has such rules.',
  })),
];

export const quarantine: ClusterAction = {
  name: 'quarantine',
  reversal: 'reversible',
  sentence:
    'Takes the pod away from its Services, its owner and all policies, and lets a policy that allows nothing select it.',
  undoWords: 'its labels as they were and no policy; its owner ends one pod too many, maybe this one',
  permissions,
  async prepare(on) {
    const labels = (await wantPod(on)).metadata.labels ?? {};
    const { [QUARANTINE_LABEL]: _, ...others } = labels;
    return { labels: others };
  },
  async execute(on) {
    for (const barrier of [NETWORK_POLICY, ...DENY_RULES]) await put(on, barrier);
    const pod = await wantPod(on);
    if (pod.metadata.labels?.[QUARANTINE_LABEL] !== on.order) await relabel(on, pod);
  },
  async verify(on) {
    const pod = await findPod(on);
    const labels = pod?.metadata.labels ?? {};
    const alone = labels[QUARANTINE_LABEL] === on.order && Object.keys(labels).length === 1;
    const there = await on.kube.find(NETWORK_POLICY.refOf(on));
    const rules = await Promise.all(DENY_RULES.map((barrier) => on.kube.find(barrier.refOf(on))));
    const denied = rules.some((rule) => rule !== null);
    const others = await on.kube.list({ ...POLICIES, namespace: on.target.namespace });
    const still = others.filter(
      (each) => each.metadata.labels?.[ORDER_LABEL] !== on.order && selectsAnyway(each, labels),
    );
    return {
      verified: pod === null || (alone && there !== null),
      proof: [
        pod === null ? 'the pod is gone' : alone ? 'its only label is the quarantine' : 'it has other labels',
        there === null ? 'no policy of the order' : 'a policy that allows nothing selects it',
        ...(denied ? ['a rule that denies selects it'] : []),
      ],
      open: [
        'a network plugin that does not enforce policies',
        ...(denied ? [] : still.map(({ metadata }) => `what policy ${metadata.name} allows all pods`)),
      ],
    };
  },
  async undo(on, before) {
    const pod = await findPod(on);
    if (pod?.metadata.labels?.[QUARANTINE_LABEL] === on.order)
      await on.kube.patch(
        refOf(on.target),
        { metadata: { uid: on.target.podUid, labels: { ...labelsIn(before), [QUARANTINE_LABEL]: null } } },
        { fieldManager: MANAGER },
      );
    for (const barrier of [NETWORK_POLICY, ...DENY_RULES]) await on.kube.delete(barrier.refOf(on));
  },
};
