/** What a lease is meant for: which containers, and which never. */
import type { Order } from '../../wire/index.ts';
import { type Container, isNameless } from '../identity/container.ts';
import type { Lease } from './lease.ts';

export type LeaseContainer = Pick<Container, 'id' | 'kind' | 'cgroup' | 'path' | 'madeAt' | 'identity'>;

export type Objection = 'unknown-container' | 'host' | 'own-cgroup';

/** Whether a lease is meant for this container. */
export function matches(lease: Lease, container: LeaseContainer): boolean {
  if (lease.containerId !== '' && container.id === lease.containerId) return true;
  const { podUid, name } = container.identity;
  return (
    lease.podUid !== '' &&
    lease.containerName !== '' &&
    podUid === lease.podUid &&
    name === lease.containerName
  );
}

/**
 * Whether this container may turn out to be the one whose network is denied: it was made just now in the pod of the lease,
 * and what it is called is not known yet. Not one that was there before us, which may be any of the pod's.
 */
export function mayMatch(lease: Lease, { madeAt, identity }: LeaseContainer): boolean {
  const { podUid, workload } = identity;
  const samePod = lease.podUid !== '' && podUid === lease.podUid;
  return lease.networkDeny && madeAt !== null && samePod && isNameless(workload);
}

/** Why what an order is for is not contained, or null. `lease` is the one it would become. */
export function objection(
  order: Order,
  lease: Lease,
  live: readonly LeaseContainer[],
  ownCgroup: string,
): Objection | null {
  const { target } = order;
  if (target === null) return 'unknown-container';
  if (target.containerId === 'host' || /\/-\/Node\//.test(target.workload)) return 'host';
  const there = live.filter((container) => matches(lease, container));
  if (there.some((container) => container.kind === 'host' || container.path === '')) return 'host';
  const own = `${ownCgroup}/`;
  if (there.some((container) => own.startsWith(`${container.path}/`))) return 'own-cgroup';
  // Between two lives of a container its pod is still known by a sibling; then the lease waits for it.
  const podKnown = target.podUid !== '' && live.some((c) => c.identity.podUid === target.podUid);
  return there.length > 0 || podKnown ? null : 'unknown-container';
}

/**
 * A lease can be for a container that central did not yet know by its pod. What the container is called it learns here,
 * or it would not follow it through a restart. Null when there is nothing to learn.
 */
export function withName(lease: Lease, live: readonly LeaseContainer[]): Lease | null {
  const named = live.find(({ id, identity }) => id === lease.containerId && !isNameless(identity.workload));
  if (named === undefined) return null;
  const { podUid, name, workload } = named.identity;
  if (podUid === lease.podUid && name === lease.containerName) return null;
  return { ...lease, podUid, containerName: name, workload };
}
