/** No new pods on the node; those that are there stay. */
import { NODES } from '../../../kit/kube/resource.ts';
import { type ClusterAction, MANAGER, NothingToDo, type On, ORDER_LABEL } from './action.ts';

const refOf = ({ target }: On) => ({ resource: NODES, name: target.node });
const unschedulable = (node: { readonly [field: string]: unknown }): boolean =>
  (node['spec'] as { unschedulable?: unknown } | undefined)?.unschedulable === true;

export const cordon: ClusterAction = {
  name: 'cordon',
  reversal: 'reversible',
  sentence: 'Marks the node unschedulable.',
  undoWords: 'the node is schedulable again, if it was before',
  permissions: [
    {
      apiGroups: [''],
      resources: ['nodes'],
      verbs: ['get', 'patch'],
      because: 'spec.unschedulable of the node.',
    },
  ],
  async prepare(on) {
    const node = await on.kube.find(refOf(on));
    if (node === null) throw new NothingToDo(`node ${on.target.node} is not there`);
    const own = node.metadata.annotations?.[ORDER_LABEL] === on.order;
    return { unschedulable: unschedulable(node) && !own };
  },
  async execute(on, before) {
    if (before['unschedulable'] === true) return;
    await on.kube.patch(
      refOf(on),
      { metadata: { annotations: { [ORDER_LABEL]: on.order } }, spec: { unschedulable: true } },
      { fieldManager: MANAGER },
    );
  },
  async verify(on) {
    const done = unschedulable(await on.kube.get(refOf(on)));
    return { verified: done, proof: [`unschedulable is ${done}`], open: ['pods that name the node'] };
  },
  async undo(on, before) {
    if (before['unschedulable'] === true) return;
    const node = await on.kube.find(refOf(on));
    if (node?.metadata.annotations?.[ORDER_LABEL] !== on.order) return;
    await on.kube.patch(
      refOf(on),
      { metadata: { annotations: { [ORDER_LABEL]: null } }, spec: { unschedulable: null } },
      { fieldManager: MANAGER },
    );
  },
};
