/** Pods that reach the node, and requests that reach into pods. */
import { type Capability, isWrite } from './capability.ts';
import { addedCapabilities, asksForRoot, hostPaths, isLogs, isPrivileged, steersNode } from './pod-spec.ts';

// Capabilities with which a container leads to the node (capabilities(7)).
const ESCAPES =
  /^(CAP_)?(ALL|SYS_ADMIN|SYS_PTRACE|SYS_MODULE|SYS_RAWIO|DAC_READ_SEARCH|BPF|SYS_BOOT|PERFMON)$/i;
const STRONG = /^(CAP_)?(NET_ADMIN|NET_RAW|SYS_CHROOT|MKNOD|DAC_OVERRIDE|SETUID|SETFCAP|SYS_TIME|SYSLOG)$/i;

// A shell, or what fetches and opens; and files with secrets.
const SHELLS = /(^|\/)(ba|z|c|k|da|a)?sh$/;
const SECRETS =
  /(^|\/)(\.ssh|\.aws|\.kube|\.docker|shadow|passwd|id_(rsa|ed25519|ecdsa)|credentials?|secrets?|tokens?|kubeconfig|environ)(\W|$)|\.(pem|key|env|pfx|p12)$/i;

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

const specOf =
  (name: string, weight: number) =>
  ({ event, pod }: Parameters<Capability['grade']>[0]): number =>
    isWrite(event) && pod?.spec[name] === true ? weight : 0;

// What a kubelet tells of itself and its pods in numbers, for monitoring; the rest of its API reads and steers them.
const NUMBERS = /^\/(metrics|stats|healthz)(\/|$)/;

/** Of its own API, which is asked for; null: written in a way that hides which. */
function kubeletPath(uri: string): string | null {
  const written = uri.split('?')[0] ?? '';
  const path = decoded(written);
  if (path === null || /[%\\]|\.\./.test(path)) return null;
  const rest = /\/nodes\/[^/]+\/proxy(\/.*)?$/.exec(path.replace(/\/(?:\.?\/)+/g, '/'));
  return rest?.[1] ?? '';
}

/** Sends an archive to its output, which is how `kubectl cp` takes files out (its documentation names tar). */
const packs = (command: readonly string[]): boolean =>
  command.some((word) => /(^|\/)(tar|zip|cpio)$/.test(word)) &&
  command.some((word) => /^(-$|-?[a-z]*c[a-z]*f-$|.*\/stdout$)/.test(word)) &&
  !command.some((word) => /^(-?[a-wyz]*x[a-z]*f?|--extract)$/.test(word));

/** Kubectl's exec is a `get` or a `create` of the subresource. */
const enters = (subresource: string): boolean => subresource === 'exec' || subresource === 'attach';

export const POD_CAPABILITIES: readonly Capability[] = [
  {
    name: 'privileged-pod',
    technique: 'T1611',
    sentence: 'brings a privileged container, which can do all that the node can',
    grade: ({ event, pod }) => (isWrite(event) && pod !== null && isPrivileged(pod) ? 0.85 : 0),
  },
  {
    name: 'host-pid',
    technique: 'T1611',
    sentence: 'brings a pod that sees all processes of the node',
    grade: specOf('hostPID', 0.8),
  },
  {
    name: 'host-network',
    technique: 'T1611',
    sentence: "brings a pod in the node's network",
    grade: specOf('hostNetwork', 0.65),
  },
  {
    name: 'host-ipc',
    technique: 'T1611',
    sentence: 'brings a pod that shares memory with the processes of the node',
    grade: specOf('hostIPC', 0.7),
  },
  {
    name: 'host-path',
    technique: 'T1611',
    sentence: 'brings a pod with a folder of the node',
    grade: ({ event, pod }) => {
      if (!isWrite(event) || pod === null) return 0;
      const grades = hostPaths(pod).map(({ path, readOnly }) =>
        readOnly && isLogs(path) ? 0.3 : (steersNode(path) ? 0.8 : 0.45) * (readOnly ? 0.7 : 1),
      );
      return Math.max(0, ...grades);
    },
  },
  {
    name: 'pod-capabilities',
    technique: 'T1611',
    sentence: 'brings a container with added capabilities',
    grade: ({ event, pod }) => {
      if (!isWrite(event) || pod === null) return 0;
      const added = addedCapabilities(pod);
      if (added.some((name) => ESCAPES.test(name))) return 0.75;
      return added.some((name) => STRONG.test(name)) ? 0.4 : 0;
    },
  },
  {
    name: 'root-pod',
    technique: 'T1611',
    sentence: 'brings a container that asks to run as root',
    grade: ({ event, pod }) => (isWrite(event) && pod !== null && asksForRoot(pod) ? 0.4 : 0),
  },
  {
    name: 'system-namespace-pod',
    technique: 'T1036.005',
    sentence: 'brings a workload into a namespace of the cluster itself',
    grade: ({ event, pod }) =>
      event.verb === 'create' && pod !== null && /^kube-/.test(event.namespace) ? 0.5 : 0,
  },
  {
    name: 'scheduled-pod',
    technique: 'T1053.007',
    sentence: 'brings a job that starts again and again',
    grade: ({ event }) =>
      event.resource === 'cronjobs' && isWrite(event)
        ? 0.5 * Math.max(0.9, Number(event.verb === 'create'))
        : 0,
  },
  {
    name: 'every-node',
    technique: 'T1610',
    sentence: 'brings a pod to every node',
    grade: ({ event }) => (event.resource === 'daemonsets' && event.verb === 'create' ? 0.4 : 0),
  },
  {
    name: 'ephemeral-container',
    technique: 'T1609',
    sentence: 'adds a container to a running pod',
    grade: ({ event }) => (event.subresource === 'ephemeralcontainers' && isWrite(event) ? 0.6 : 0),
  },
  {
    name: 'exec',
    technique: 'T1609',
    sentence: 'runs a command in a container',
    grade: ({ event }) => {
      if (!enters(event.subresource)) return 0;
      const { command } = event;
      if (packs(command)) return command.some((word) => SECRETS.test(word)) ? 0.85 : 0.7;
      if (command.some((word) => SECRETS.test(word))) return 0.75;
      return command.some((word) => SHELLS.test(word)) ? 0.55 : command.length > 0 ? 0.4 : 0.5;
    },
  },
  {
    name: 'port-forward',
    technique: 'T1090',
    sentence: 'opens a way from outside to a port of a pod',
    grade: ({ event }) => (event.subresource === 'portforward' ? 0.5 : 0),
  },
  {
    name: 'proxy',
    technique: 'T1090',
    sentence: 'speaks through the API server to a node, pod or service',
    grade: ({ event }) => {
      if (event.subresource !== 'proxy') return 0;
      if (event.resource !== 'nodes') return 0.45;
      const path = kubeletPath(event.uri);
      if (path === null) return 0.9;
      return /^\/(run|exec|attach|portForward|cri)(\/|$)/.test(path) ? 0.9 : NUMBERS.test(path) ? 0.3 : 0.7;
    },
  },
];
