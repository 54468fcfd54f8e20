/** No replica of the workload runs. An autoscaler that is meant for it leaves a workload with no replicas alone. */
import { isKubeError } from '../../../kit/kube/error.ts';
import type { Resource } from '../../../kit/kube/resource.ts';
import { type ClusterAction, MANAGER, NothingToDo, type On } from './action.ts';

const kind = (plural: string, name: string): Resource => ({
  group: 'apps',
  version: 'v1',
  plural,
  kind: name,
  namespaced: true,
});
const KINDS: Readonly<Record<string, Resource>> = {
  Deployment: kind('deployments', 'Deployment'),
  StatefulSet: kind('statefulsets', 'StatefulSet'),
  ReplicaSet: kind('replicasets', 'ReplicaSet'),
};

/** @throws NothingToDo */
function ownerOf({ workload, namespace }: On['target']) {
  const [, , of = '', name = ''] = workload.split('/');
  const resource = KINDS[of];
  if (resource === undefined || name === '')
    throw new NothingToDo(`workload ${workload}: ${of || 'none'} has no replicas to set`);
  return { resource, namespace, name };
}
/** Null: there is no such workload. */
async function replicasNow(on: On): Promise<number | null> {
  try {
    const found = await on.kube.get(ownerOf(on.target), { subresource: 'scale' });
    return Number((found['spec'] as { replicas?: unknown } | undefined)?.replicas ?? 0);
  } catch (error) {
    if (isKubeError(error, 'NotFound')) return null;
    throw error;
  }
}
async function setReplicas(on: On, replicas: number): Promise<void> {
  const body = { spec: { replicas } };
  await on.kube.patch(ownerOf(on.target), body, { subresource: 'scale', fieldManager: MANAGER });
}

export const scaleDown: ClusterAction = {
  name: 'scale-down',
  reversal: 'reversible',
  sentence: 'Sets the replicas of the workload to 0.',
  undoWords: 'the replicas that there were; the pods are new ones',
  permissions: [
    {
      apiGroups: ['apps'],
      resources: ['deployments/scale', 'statefulsets/scale', 'replicasets/scale'],
      verbs: ['get', 'patch'],
      because: 'Its replicas, and nothing else of it.',
    },
  ],
  async prepare(on) {
    const replicas = await replicasNow(on);
    if (replicas === null) throw new NothingToDo(`workload ${on.target.workload} is not there`);
    return { replicas };
  },
  execute: (on) => setReplicas(on, 0),
  async verify(on) {
    const left = await replicasNow(on);
    return { verified: !left, proof: [`replicas is ${left}`], open: ['pods until they have ended'] };
  },
  async undo(on, before) {
    // Somebody gave it other replicas: theirs now.
    if ((await replicasNow(on)) === 0) await setReplicas(on, Number(before['replicas'] ?? 0));
  },
};
