/** The pod that an object brings: itself, or the template of what makes pods. */
import { listOf, type Obj, objectOf, textOf, textsOf } from './plain.ts';

export interface PodSpec {
  readonly spec: Obj;
  /** Init and ephemeral ones too. */
  readonly containers: readonly Obj[];
}

/** Null when the object makes no pod. */
export function podSpecOf(resource: string, object: unknown): PodSpec | null {
  const { spec } = objectOf(object);
  const own = objectOf(spec);
  const job = resource === 'cronjobs' ? objectOf(objectOf(own['jobTemplate'])['spec']) : own;
  const made = resource === 'pods' ? own : objectOf(objectOf(job['template'])['spec']);
  const containers = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((name) =>
    listOf(made[name]),
  );
  return Object.keys(made).length === 0 ? null : { spec: made, containers: containers.map(objectOf) };
}

const contexts = ({ spec, containers }: PodSpec): Obj[] =>
  [spec, ...containers].map((part) => objectOf(part['securityContext']));

export const isPrivileged = (pod: PodSpec): boolean =>
  contexts(pod).some(({ privileged }) => privileged === true);

/** Says so, rather than leaving it to the image. */
export const asksForRoot = (pod: PodSpec): boolean =>
  contexts(pod).some((context) => context['runAsNonRoot'] === false || context['runAsUser'] === 0);

export const addedCapabilities = (pod: PodSpec): string[] =>
  contexts(pod).flatMap((context) => textsOf(objectOf(context['capabilities'])['add']));

export function hostPaths({ spec, containers }: PodSpec): { path: string; readOnly: boolean }[] {
  return listOf(spec['volumes']).flatMap((entry) => {
    const { name, hostPath } = objectOf(entry);
    if (hostPath === undefined) return [];
    const mounts = containers
      .flatMap((container) => listOf(container['volumeMounts']).map(objectOf))
      .filter((mount) => mount['name'] === name);
    const readOnly = mounts.length > 0 && mounts.every((mount) => mount['readOnly'] === true);
    return [{ path: textOf(objectOf(hostPath)['path']), readOnly }];
  });
}

// What lets a pod read or steer the node, or whatever runs on it.
const STEERS =
  /^\/($|(etc|proc|sys|dev|root|boot|bin|sbin|lib|lib64|usr|home|run)(\/|$)|var\/(run|log|lib\/(kubelet|docker|containerd|crio|etcd|containers|rancher|k0s|cni)|spool\/cron)(\/|$)|opt\/cni(\/|$)|.*\.sock$)/;

/** Collectors of logs read it; who may write there can have the kubelet read any file of the node by a link. */
export const isLogs = (path: string): boolean => /^\/var\/log(\/|$)/.test(path);

export const steersNode = (path: string): boolean => STEERS.test(path.replace(/\/+$/, '') || '/');
