/** Who asked: what kind of somebody, and under which name what they do is learnt. */
import type { AuditEvent } from './event.ts';
import { generalName } from './names.ts';
import { tame } from './plain.ts';

export type ActorKind = 'person' | 'service-account' | 'node' | 'cluster' | 'anonymous';

export interface Actor {
  readonly user: string;
  readonly kind: ActorKind;
  /** Of a service account; else empty. */
  readonly namespace: string;
  /** Nodes each do the same under their own name, and so do numbered accounts. */
  readonly who: string;
}

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):(.+)$/;
/** Names are up to 253 characters; those of clouds (ARNs) are longer. */
const USER = 512;

/** A service account of kube-system works for the cluster: its controllers are such. */
export function actorOf({ user, impersonated }: AuditEvent): Actor {
  const name = tame(impersonated ?? user, USER);
  const account = SERVICE_ACCOUNT.exec(name);
  if (account !== null) {
    const [, namespace = '', own = ''] = account;
    const kind = namespace === 'kube-system' ? 'cluster' : 'service-account';
    return { user: name, kind, namespace, who: `system:serviceaccount:${namespace}:${generalName(own)}` };
  }
  if (/^system:(anonymous|unauthenticated)$/.test(name) || name === '')
    return { user: name || 'system:anonymous', kind: 'anonymous', namespace: '', who: 'system:anonymous' };
  if (name.startsWith('system:node:'))
    return { user: name, kind: 'node', namespace: '', who: 'system:node:NODE' };
  const cluster = /^(system:(kube-|apiserver|aggregator)|eks:|aks-?service|system:gke)/i.test(name);
  return { user: name, kind: cluster ? 'cluster' : 'person', namespace: '', who: name };
}

/** A key like those of workloads, so that exceptions and policies can name identities: cluster/namespace/Kind/name/api. */
export function identityKey(cluster: string, { kind, namespace, user }: Actor): string {
  const plain = (text: string): string => text.replaceAll('/', '|');
  const account = SERVICE_ACCOUNT.exec(user);
  if (account !== null) return `${cluster}/${plain(namespace)}/ServiceAccount/${plain(account[2] ?? '')}/api`;
  return `${cluster}/-/${kind === 'node' ? 'Node' : 'User'}/${plain(user)}/api`;
}
