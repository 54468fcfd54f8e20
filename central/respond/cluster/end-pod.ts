/** Two ways to end a pod. Its owner, if it has one, starts another; the evidence in it is gone. */
import { isKubeError } from '../../../kit/kube/error.ts';
import type { ClusterAction, On, Seen } from './action.ts';
import { findPod, READ_PODS, refOf, wantPod } from './pods.ts';

async function isEnding(on: On): Promise<Seen> {
  const pod = await findPod(on);
  const ending = pod === null || pod.metadata.deletionTimestamp !== undefined;
  return {
    verified: ending,
    proof: [pod === null ? 'the pod is gone' : ending ? 'the pod is being deleted' : 'the pod is there'],
    open: ['whatever its owner starts in its place'],
  };
}
const nameIt = async (on: On) => ({ uid: (await wantPod(on)).metadata.uid ?? '' });

export const evict: ClusterAction = {
  name: 'evict',
  reversal: 'irreversible',
  sentence: 'Asks the API server to evict the pod, which its disruption budget may forbid.',
  undoWords: 'none; its owner starts another',
  permissions: [
    READ_PODS,
    { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'], because: 'The eviction.' },
  ],
  prepare: nameIt,
  async execute(on) {
    try {
      await on.kube.evict(refOf(on.target), { uid: on.target.podUid });
    } catch (error) {
      // Gone already: by an earlier try of ours, or by itself.
      if (!isKubeError(error, 'NotFound')) throw error;
    }
  },
  verify: isEnding,
  undo: null,
};

export const deletePod: ClusterAction = {
  name: 'delete-pod',
  reversal: 'irreversible',
  sentence: 'Deletes the pod, whatever its disruption budget says.',
  undoWords: 'none; its owner starts another',
  permissions: [
    READ_PODS,
    { apiGroups: [''], resources: ['pods'], verbs: ['delete'], because: 'The deletion.' },
  ],
  prepare: nameIt,
  async execute(on) {
    await on.kube.delete(refOf(on.target), { uid: on.target.podUid });
  },
  verify: isEnding,
  undo: null,
};
