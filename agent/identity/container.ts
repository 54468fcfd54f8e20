/** A container by what Kubernetes calls it and by what the kernel calls it. Services and the host are containers too. */
import type { Runtime } from './cgroup.ts';

export type ContainerKind = 'container' | 'service' | 'host';

/** Who a container is, as far as is known now. */
export interface Identity {
  /** Container name within the pod; the unit's name; `host`. */
  readonly name: string;
  /** Empty: not a pod's container, or not known. */
  readonly pod: string;
  readonly podUid: string;
  readonly namespace: string;
  /** Baseline key: cluster/namespace/Kind/name/container. */
  readonly workload: string;
  readonly image: string;
  readonly imageDigest: string;
  /** Labels of its pod; absent: not a pod's, or not known. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Container {
  /** Runtime's id of 64 hex digits, the unit's name, or `host`. */
  readonly id: string;
  readonly kind: ContainerKind;
  /** cgroup2 id of the owner; 0 for the host. */
  readonly cgroup: number;
  /** Owner's cgroup path; empty for the host. */
  readonly path: string;
  readonly runtime: Runtime | 'host';
  /** CLOCK_BOOTTIME ns at which its cgroup was made; null when it was there before picket. */
  readonly madeAt: bigint | null;
  /** Resolved or given up waiting for: events may be judged. */
  readonly settled: boolean;
  readonly identity: Identity;
}

/** Key of a container whose pod is not known. */
export function unknownWorkload(cluster: string, runtime: string, id: string): string {
  return `${cluster}/-/Container/${runtime}/${id.slice(0, 12)}`;
}

/** Whether the key is of one container, which nobody has again once that container is gone for good. */
export const isOfOne = (workload: string): boolean => workload.includes('/-/Container/');

/** Of a container whose pod is not known, or whose name in the pod is not, or not yet. */
export const isNameless = (workload: string): boolean =>
  isOfOne(workload) || workload.endsWith(`/${UNLISTED}`);

/** Container name, in keys, of what is in a pod and not in its list: the sandbox that holds its namespaces, above all. */
export const UNLISTED = '-';

/** Key of a systemd service, or of the host itself. */
export function nodeWorkload(cluster: string, kind: 'Service' | 'Node', name: string): string {
  return `${cluster}/-/${kind}/${name}/${kind === 'Node' ? 'host' : name}`;
}
