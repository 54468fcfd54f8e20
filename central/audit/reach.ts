/** What is read, laid open, taken away, and where requests come from. */
import { BlockList, isIP } from 'node:net';
import { type Capability, isDelete, isWrite } from './capability.ts';
import { type AuditEvent, isRead, outcomeOf } from './event.ts';
import { objectOf, textOf, textsOf } from './plain.ts';

/** Addresses that are nobody's on the internet (IANA's special-purpose registries). */
const LOCAL = new BlockList();
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
] as const)
  LOCAL.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  LOCAL.addSubnet(net, bits, 'ipv6');

export const isPublic = (address: string): boolean => {
  const version = isIP(address);
  return version !== 0 && !LOCAL.check(address, version === 4 ? 'ipv4' : 'ipv6');
};

/** Every source that is an address is on the internet: with a private one among them the rest are proxies. */
function fromInternet({ sources }: AuditEvent): boolean {
  const addresses = sources.filter((source) => isIP(source) !== 0);
  return addresses.length > 0 && addresses.every(isPublic);
}

const CLOUDS: Readonly<Record<AuditEvent['provider'], RegExp | null>> = {
  eks: /amazon|aws/,
  gke: /google/,
  aks: /microsoft|azure/,
  kubernetes: null,
  admission: null,
};

/** All sources belong to the cloud that the cluster runs in, where the log says whose they are. */
function fromOwnCloud({ provider, sources, owners }: AuditEvent): boolean {
  const cloud = CLOUDS[provider];
  return cloud !== null && sources.length > 0 && sources.every((source) => cloud.test(owners[source] ?? ''));
}

export const isAnonymous = ({ user, groups }: AuditEvent): boolean =>
  /^system:(anonymous|unauthenticated)$/.test(user) || groups.includes('system:unauthenticated');

// What anybody may ask by default (ClusterRole system:public-info-viewer); load balancers do it all day.
const PUBLIC = /^\/?(healthz|livez|readyz|version|core\/v1\/healthz|openid\/v1\/jwks|\.well-known\/)/;
const isHealthCheck = ({ uri, userAgent, resource }: AuditEvent): boolean =>
  PUBLIC.test(uri) ||
  /health|probe|GoogleHC|^GoogleKubernetesEngineFrontend/i.test(userAgent) ||
  (resource === '' && uri === '');

/** Requests of controllers and add-ons that a provider runs outside of the cluster's own network. */
const isManaged = (user: string): boolean =>
  /^(eks:|aks|gke-|system:gke|system:apiserver$|system:kube-)/.test(user);

// Programs made for looking around clusters, and libraries that no controller is built with.
const TOOLS =
  /kube-?hunter|peirates|kubeletctl|kdigger|kubesploit|botb|curl\/|wget\/|python-requests|nmap|nikto|masscan/i;

export const REACH_CAPABILITIES: readonly Capability[] = [
  {
    name: 'secret',
    technique: 'T1552.007',
    sentence: 'reads secrets, or tries to',
    grade: ({ event }) => {
      if (event.resource !== 'secrets' || !isRead(event)) return 0;
      // Controllers list and watch; who asks for one by name knows that it is there and may have it.
      const many = event.verb !== 'get';
      if (outcomeOf(event) === 'done') return many ? (event.namespace === '' ? 0.35 : 0.25) : 0.15;
      // Operators look so for what is optional, and who is told that it is not there may read it; many names are a burst.
      if (event.code === 404 && event.user.startsWith('system:serviceaccount:') && !many) return 0.15;
      return many ? 0.4 : 0.6;
    },
  },
  {
    name: 'rights-asked',
    technique: 'T1613',
    sentence: 'asks what it may do',
    grade: ({ event }) => (/^selfsubject(rules|access)reviews$/.test(event.resource) ? 0.3 : 0),
  },
  {
    name: 'anonymous',
    technique: 'T1078.001',
    sentence: 'is answered without having said who it is',
    grade: ({ event }) => {
      if (!isAnonymous(event) || isHealthCheck(event)) return 0;
      if (event.sources.some((source) => source === '::1' || source.startsWith('127.'))) return 0.1;
      return outcomeOf(event) === 'done' ? 0.85 : 0.2;
    },
  },
  {
    name: 'system-from-internet',
    technique: 'T1078.004',
    sentence: 'is made with the identity of a part of the cluster, from the internet',
    grade: ({ event }) => {
      if (!/^system:(serviceaccount|node)/.test(event.user) || isManaged(event.user)) return 0;
      if (!fromInternet(event) || fromOwnCloud(event) || outcomeOf(event) !== 'done') return 0;
      const known =
        Object.keys(event.owners).length > 0 || event.provider === 'kubernetes' || event.provider === 'gke';
      // Nodes and their daemons may have public addresses; whose they are would tell.
      return event.user.startsWith('system:node') || !known ? 0.4 : 0.75;
    },
  },
  {
    name: 'ill-reputed-address',
    technique: 'T1090.003',
    sentence: 'comes from an address that is on a list of bad ones',
    grade: ({ event }) => (event.listed.length > 0 ? 0.8 : 0),
  },
  {
    name: 'tool',
    technique: 'T1613',
    sentence: 'is made with a tool that parts of a cluster are not made with',
    grade: ({ event }) => (TOOLS.test(event.userAgent) ? (event.user.startsWith('system:') ? 0.6 : 0.3) : 0),
  },
  {
    name: 'exposed-service',
    technique: 'T1133',
    sentence: 'opens a service to the outside',
    grade: ({ event }) => {
      if (event.resource !== 'services' || !isWrite(event)) return 0;
      const spec = objectOf(objectOf(event.object)['spec']);
      // CVE-2020-8554: traffic for such addresses is taken from whoever has them.
      if (textsOf(spec['externalIPs']).length > 0) return 0.65;
      return { NodePort: 0.5, LoadBalancer: 0.35, ExternalName: 0.35 }[textOf(spec['type'])] ?? 0;
    },
  },
  {
    name: 'traces-removed',
    technique: 'T1070',
    sentence: 'deletes what tells of the past, or what holds others back',
    grade: ({ event }) => {
      if (!isDelete(event)) return 0;
      if (event.resource === 'events') return 0.6;
      if (/^(networkpolicies|resourcequotas|podsecuritypolicies|limitranges)$/.test(event.resource))
        return 0.5;
      return event.resource === 'namespaces' || event.verb === 'deletecollection' ? 0.45 : 0;
    },
  },
  {
    name: 'node-changed',
    technique: 'T1578',
    sentence: 'adds, changes or removes a node',
    grade: ({ event }) => {
      if (event.resource !== 'nodes' || event.subresource !== '' || event.user.startsWith('system:node:'))
        return 0;
      return isDelete(event) ? 0.5 : event.verb === 'create' ? 0.5 : 0;
    },
  },
];
