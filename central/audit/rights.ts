/** Rights that are given, taken on or used: roles, bindings, tokens, certificates, admission. */
import { type Capability, fresh, isDelete, isWrite } from './capability.ts';
import { listOf, objectOf, textOf, textsOf } from './plain.ts';

const has = (list: readonly string[], ...names: readonly string[]): boolean =>
  list.includes('*') || names.some((name) => list.includes(name));

/** Verbs that change something. */
const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const;
const MAKES_PODS = [
  'pods',
  'deployments',
  'daemonsets',
  'statefulsets',
  'replicasets',
  'jobs',
  'cronjobs',
  'replicationcontrollers',
] as const;

/** How far one rule of a role leads. */
function gradeOfRule(rule: unknown): number {
  const { verbs: v, resources: r } = objectOf(rule);
  const [verbs, resources] = [textsOf(v), textsOf(r)];
  const [anyVerb, anyResource] = [verbs.includes('*'), resources.includes('*')];
  if (anyVerb && anyResource) return 0.95;
  const writes = has(verbs, ...WRITES);
  const reads = has(verbs, 'get', 'list', 'watch');
  const grades = [
    ['escalate', 'bind', 'impersonate'].some((verb) => verbs.includes(verb)) ? 0.85 : 0,
    anyVerb || anyResource ? 0.75 : 0,
    resources.some((name) => /^nodes\/(proxy|\*)$/.test(name)) ? 0.85 : 0,
    resources.some((name) => /^pods\/(exec|attach|ephemeralcontainers|portforward|\*)$/.test(name)) ? 0.7 : 0,
    resources.includes('serviceaccounts/token') && writes ? 0.75 : 0,
    resources.some((name) => /^certificatesigningrequests(\/approval)?$/.test(name)) && writes ? 0.65 : 0,
    resources.some((name) => /^(mutating|validating)webhookconfigurations$/.test(name)) && writes ? 0.75 : 0,
    resources.some((name) => /^(cluster)?role(binding)?s$/.test(name)) && writes ? 0.75 : 0,
    resources.includes('secrets') ? (writes ? 0.65 : reads ? 0.5 : 0) : 0,
    resources.includes('persistentvolumes') && has(verbs, 'create') ? 0.55 : 0,
    resources.some((name) => has(MAKES_PODS, name)) && writes ? 0.55 : 0,
    writes ? 0.4 : 0,
  ];
  return Math.max(...grades);
}

// Of the roles that come with a cluster, those of its parts lead far; these do not.
const HARMLESS =
  /^system:(discovery|basic-user|public-info-viewer|monitoring|service-account-issuer-discovery|auth-delegator|heapster)$/;
const ADMINS = /^(cluster-admin|admin|system:.*)$/;
const EDITORS = /^(edit|system:aggregate-to-(admin|edit))$/;
const EVERYBODY = /^system:(anonymous|unauthenticated|authenticated|serviceaccounts(:.*)?)$/;

/** Objects on which other objects' rights or names stand; by "namespace/name". */
const KEYSTONES =
  /^kube-system\/(aws-auth|coredns.*|kube-proxy.*|extension-apiserver-authentication|kubeadm-config)$|^kube-public\/cluster-info$/;

export const RIGHT_CAPABILITIES: readonly Capability[] = [
  {
    name: 'role',
    technique: 'T1098.006',
    sentence: 'gives a role rights that lead further',
    grade: ({ event }) => {
      if (!/^(cluster)?roles$/.test(event.resource) || !isWrite(event)) return 0;
      const rules = listOf(objectOf(event.object)['rules']);
      const most = Math.max(0.15, ...rules.map(gradeOfRule));
      return most * (event.resource === 'roles' ? 0.9 : 1) * fresh(event);
    },
  },
  {
    name: 'binding',
    technique: 'T1098.006',
    sentence: 'binds somebody to a role',
    grade: ({ event }) => {
      if (!/^(cluster)?rolebindings$/.test(event.resource) || !isWrite(event)) return 0;
      const object = objectOf(event.object);
      const role = textOf(objectOf(object['roleRef'])['name']);
      const subjects = listOf(object['subjects']).map((subject) => textOf(objectOf(subject)['name']));
      if (subjects.some((name) => EVERYBODY.test(name))) return 0.9;
      if (HARMLESS.test(role)) return 0.1;
      // Within a namespace is what the role `admin` is made for.
      if (ADMINS.test(role)) return event.resource === 'rolebindings' ? 0.5 : 0.9;
      return EDITORS.test(role) ? (event.resource === 'rolebindings' ? 0.4 : 0.6) : 0.2;
    },
  },
  {
    name: 'admission',
    technique: 'T1556',
    sentence: 'changes who sees and may change every object that is made',
    grade: ({ event }) => {
      if (
        !/^(mutating|validating)(webhookconfigurations|admissionpolic(y|ies)(binding)?s?)$/.test(
          event.resource,
        )
      )
        return 0;
      if (isDelete(event)) return 0.6;
      // Certificates in them are renewed by controllers, which is an update.
      return event.verb === 'create' ? 0.7 : isWrite(event) ? 0.3 : 0;
    },
  },
  {
    name: 'impersonation',
    technique: 'T1550',
    sentence: 'acts as somebody else',
    grade: ({ event }) => (event.impersonated === null ? 0 : /^system:/.test(event.impersonated) ? 0.7 : 0.4),
  },
  {
    name: 'token',
    technique: 'T1528',
    sentence: 'asks for the token of a service account',
    // A kubelet asks for those of its own pods, and a program for those of its own namespace's other parts.
    grade: ({ event }) => {
      if (event.subresource !== 'token' || event.verb !== 'create') return 0;
      if (event.user.startsWith('system:node:')) return 0;
      return event.user.startsWith(`system:serviceaccount:${event.namespace}:`) ? 0.4 : 0.6;
    },
  },
  {
    name: 'certificate',
    technique: 'T1649',
    sentence: 'asks for a client certificate, or approves one',
    grade: ({ event }) => {
      if (event.resource !== 'certificatesigningrequests' || !isWrite(event)) return 0;
      if (event.subresource === 'approval') return 0.7;
      return event.user.startsWith('system:node') || event.user.startsWith('system:bootstrap') ? 0.1 : 0.5;
    },
  },
  {
    name: 'keystone',
    technique: 'T1098',
    sentence: 'changes a configuration that identities, names or traffic of the whole cluster stand on',
    grade: ({ event }) =>
      event.resource === 'configmaps' &&
      (isWrite(event) || isDelete(event)) &&
      KEYSTONES.test(`${event.namespace}/${event.name}`)
        ? 0.75
        : 0,
  },
];
