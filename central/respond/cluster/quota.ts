/** No new pods in the namespace; those that are there stay. */
import { isKubeError } from '../../../kit/kube/error.ts';
import type { Resource } from '../../../kit/kube/resource.ts';
import { type ClusterAction, MANAGER, type On, ORDER_LABEL } from './action.ts';

const QUOTAS: Resource = {
  group: '',
  version: 'v1',
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
};
const refOf = ({ target, order }: On) => ({
  resource: QUOTAS,
  namespace: target.namespace,
  name: `picket-${order}`,
});

export const quota: ClusterAction = {
  name: 'quota',
  reversal: 'reversible',
  sentence:
    'Makes a ResourceQuota of no pods in the namespace: nothing new starts there, restarts of containers do.',
  undoWords: 'the quota is deleted',
  permissions: [
    {
      apiGroups: [''],
      resources: ['resourcequotas'],
      verbs: ['create', 'get', 'delete'],
      because: 'A quota of its own.',
    },
  ],
  prepare: async () => ({}),
  async execute(on) {
    const { namespace, name } = refOf(on);
    const quotaOf = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name, namespace, labels: { [ORDER_LABEL]: on.order } },
      spec: { hard: { pods: '0' } },
    };
    try {
      await on.kube.create({ resource: QUOTAS, namespace }, quotaOf, { fieldManager: MANAGER });
    } catch (error) {
      // By an earlier try of ours: the name has the order's id in it.
      if (!isKubeError(error, 'AlreadyExists')) throw error;
    }
  },
  async verify(on) {
    const found = await on.kube.get(refOf(on));
    const hard = (found['spec'] as { hard?: { pods?: unknown } } | undefined)?.hard?.pods;
    return { verified: hard === '0', proof: [`quota of ${hard} pods`], open: ['pods that run now'] };
  },
  async undo(on) {
    await on.kube.delete(refOf(on));
  },
};
