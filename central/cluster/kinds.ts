/** Our custom resources, and what central asks of API servers for them. The schemas are in manifests/chart/files/crds. */
import type { Permission } from '../../kit/kube/permission.ts';
import type { Resource } from '../../kit/kube/resource.ts';

export const GROUP = 'picket.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

const kind = (plural: string, name: string, namespaced: boolean): Resource => ({
  group: GROUP,
  version: VERSION,
  plural,
  kind: name,
  namespaced,
});

export const PICKET_POLICIES = kind('picketpolicies', 'PicketPolicy', false);
export const PICKET_EXCEPTIONS = kind('picketexceptions', 'PicketException', false);
export const CONTAINMENTS = kind('containments', 'Containment', true);
export const PICKET_RULES = kind('picketrules', 'PicketRule', false);
export const PICKET_PROFILES = kind('picketprofiles', 'PicketProfile', true);
export const PICKET_NODES = kind('picketnodes', 'PicketNode', false);

/** On a Containment: it goes when the containment has ended, and not before. */
export const FINALIZER = `${GROUP}/release`;
/** On objects that central made. */
export const MADE_BY = { 'app.kubernetes.io/managed-by': 'picket-central' } as const;

export const CLUSTER_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: [GROUP],
    resources: ['picketpolicies', 'picketexceptions', 'picketrules', 'picketprofiles'],
    verbs: ['list', 'watch'],
    because: 'Policies, exceptions, rules and profiles that are objects are in force.',
  },
  {
    apiGroups: [GROUP],
    resources: [
      'picketpolicies/status',
      'picketexceptions/status',
      'picketrules/status',
      'picketprofiles/status',
    ],
    verbs: ['patch'],
    because: 'Whether one is in force, and why not, stands on it.',
  },
  {
    apiGroups: [GROUP],
    resources: ['containments'],
    verbs: ['list', 'watch', 'create', 'patch', 'delete'],
    because: 'Each containment is an object: made with it, deleted to undo it.',
  },
  {
    apiGroups: [GROUP],
    resources: ['containments/status', 'picketnodes/status'],
    verbs: ['patch'],
    because: 'What became of a containment, and how each node is.',
  },
  {
    apiGroups: [GROUP],
    resources: ['picketnodes'],
    verbs: ['list', 'watch', 'create', 'delete'],
    because: 'Each node that reports is an object, until it is forgotten.',
  },
  {
    apiGroups: [''],
    resources: ['pods', 'services'],
    verbs: ['list', 'watch'],
    because: 'Whom an address belongs to: watched once, here, and sent to the nodes.',
  },
  {
    apiGroups: ['discovery.k8s.io'],
    resources: ['endpointslices'],
    verbs: ['list', 'watch'],
    because: 'The same of endpoints that are no pods.',
  },
  {
    apiGroups: [''],
    resources: ['events'],
    verbs: ['create'],
    because: 'What happens to a containment, and why a rule is refused, is an Event on it.',
  },
  {
    apiGroups: [''],
    resources: ['events'],
    verbs: ['list', 'watch'],
    because: 'Warnings of a pod or node stand beside what is found there: watched once, here.',
  },
];
