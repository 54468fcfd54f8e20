/** The pod of a target: by its name, and only while it is the same pod. */
import type { Permission } from '../../../kit/kube/permission.ts';
import { type KubeObject, PODS } from '../../../kit/kube/resource.ts';
import { type ClusterTarget, NothingToDo, type On } from './action.ts';

export const READ_PODS: Permission = {
  apiGroups: [''],
  resources: ['pods'],
  verbs: ['get'],
  because: 'It is the pod that was meant only while its UID is the same.',
};

export const refOf = ({ namespace, pod }: ClusterTarget) => ({ resource: PODS, namespace, name: pod });

/** The pod, or null when there is none of that UID any more. */
export async function findPod({ kube, target }: On): Promise<KubeObject | null> {
  const pod = await kube.find(refOf(target));
  return pod?.metadata.uid === target.podUid ? pod : null;
}

/** @throws NothingToDo */
export async function wantPod(on: On): Promise<KubeObject> {
  const pod = await findPod(on);
  if (pod === null)
    throw new NothingToDo(
      `pod ${on.target.namespace}/${on.target.pod} of UID ${on.target.podUid} is not there`,
    );
  return pod;
}
