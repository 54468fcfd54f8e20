/** What the agent keeps of a pod that it was told of: what identity reads, and no more, as JSON. */
import type { KubeObject } from '../../kit/kube/resource.ts';

/** Of a pod with many containers; what is longer is refused, and counted. */
const MAX_POD_BYTES = 64 * 1024;

type Json = Readonly<Record<string, unknown>>;
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(object) : []);

function pick(from: unknown, names: readonly string[]): Json {
  const all = object(from);
  return Object.fromEntries(names.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
}

function stateOf(state: unknown): Json {
  const { waiting, terminated } = object(state);
  return {
    ...(waiting === undefined ? {} : { waiting: pick(waiting, ['reason']) }),
    ...(terminated === undefined
      ? {}
      : { terminated: pick(terminated, ['containerID', 'reason', 'exitCode', 'startedAt', 'finishedAt']) }),
  };
}

const statusOf = (status: Json): Json => ({
  ...pick(status, ['name', 'image', 'imageID', 'containerID', 'restartCount']),
  state: stateOf(status['state']),
  lastState: stateOf(status['lastState']),
});

/** Null: it has no uid, or is too large to be one of ours. */
export function trimPod(pod: KubeObject): { readonly uid: string; readonly json: string } | null {
  const { metadata } = pod;
  const [spec, status] = [object(pod['spec']), object(pod['status'])];
  const statuses = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];
  const json = JSON.stringify({
    metadata: {
      ...pick(metadata, ['name', 'namespace', 'uid', 'labels']),
      annotations: pick(metadata.annotations, ['kubernetes.io/config.hash']),
      ownerReferences: list(metadata.ownerReferences).map((owner) =>
        pick(owner, ['kind', 'name', 'controller']),
      ),
    },
    spec: pick(spec, ['nodeName', 'hostNetwork']),
    status: {
      ...pick(status, ['podIPs', 'phase', 'reason']),
      ...Object.fromEntries(
        statuses.filter((name) => name in status).map((name) => [name, list(status[name]).map(statusOf)]),
      ),
    },
  });
  return typeof metadata.uid === 'string' && json.length <= MAX_POD_BYTES
    ? { uid: metadata.uid, json }
    : null;
}
