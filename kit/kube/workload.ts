/** From a pod to the workload that owns it: what replicas share. */
import type { KubeObject } from './resource.ts';

export interface WorkloadName {
  readonly kind: string;
  readonly name: string;
}

export interface PodOwnership {
  readonly name: string;
  readonly nodeName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The controlling owner reference, or null. */
  readonly owner: WorkloadName | null;
}

// A CronJob names its Jobs after the scheduled minute since 1970 (before Kubernetes 1.21 after the second).
const SCHEDULED = /-\d{8,10}$/;

/**
 * A Deployment's pods are owned by a ReplicaSet named `DEPLOYMENT-HASH`, where the pod's label pod-template-hash is
 * that hash; other ReplicaSets own themselves. A static pod is owned by its Node, whose name it ends with.
 */
export function workloadOf(pod: PodOwnership): WorkloadName {
  const { owner } = pod;
  if (owner === null) return { kind: 'Pod', name: pod.name };
  if (owner.kind === 'ReplicaSet') {
    const hash = pod.labels['pod-template-hash'];
    if (hash !== undefined && hash !== '' && owner.name.endsWith(`-${hash}`))
      return { kind: 'Deployment', name: owner.name.slice(0, -hash.length - 1) };
  }
  if (owner.kind === 'Job' && SCHEDULED.test(owner.name))
    return { kind: 'CronJob', name: owner.name.replace(SCHEDULED, '') };
  if (owner.kind === 'Node') {
    const suffix = `-${pod.nodeName}`;
    const static_ = pod.nodeName !== '' && pod.name.endsWith(suffix);
    return { kind: 'StaticPod', name: static_ ? pod.name.slice(0, -suffix.length) : pod.name };
  }
  return owner;
}

type Json = Readonly<Record<string, unknown>>;
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The same of a pod as the API server has it. */
export function workloadOfPod(pod: KubeObject): WorkloadName {
  const { metadata } = pod;
  const owners = (metadata.ownerReferences ?? []).map(object);
  const owner = owners.find(({ controller }) => controller === true) ?? owners[0];
  return workloadOf({
    name: metadata.name ?? '',
    nodeName: text(object(pod['spec'])['nodeName']),
    labels: metadata.labels ?? {},
    owner: owner === undefined ? null : { kind: text(owner['kind']), name: text(owner['name']) },
  });
}
