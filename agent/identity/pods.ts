/**
 * A Kubernetes PodList as JSON to the pods of this node. The list comes from outside: every name is bounded and
 * checked, a pod that does not fit is counted and left out, and text that is no PodList is a value, not an exception.
 */
import { type WorkloadName, workloadOf } from '../../kit/kube/workload.ts';

export interface PodContainer {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** Such as sha256:…, or empty. */
  readonly digest: string;
}

/** How a container fares, as the kubelet says. */
export interface ContainerState {
  readonly container: string;
  readonly restarts: number;
  /** Why it waits to be started, such as CrashLoopBackOff; empty: it does not. */
  readonly waiting: string;
  /** How it ended last; null: it did not. */
  readonly ended: {
    readonly reason: string;
    readonly exitCode: number;
    readonly lifetimeMs: number | null;
  } | null;
}

export interface Pod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly workload: WorkloadName;
  /** Its labels, without those that controllers add to tell revisions apart; absent: it has none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Addresses of its own; empty for pods on the host's network. */
  readonly addresses: readonly string[];
  readonly containers: readonly PodContainer[];
  /** Of those that wait, or ended before; absent: there are none. */
  readonly states?: readonly ContainerState[];
}

export interface PodsRead {
  readonly pods: readonly Pod[];
  /** Pods left out because something in them did not fit. */
  readonly refused: number;
  /** Why nothing at all could be read, or null. */
  readonly problem: string | null;
}

const MAX_PODS = 10_000;
const MAX_CONTAINERS = 256;
const MAX_NAME = 253; // RFC 1123 subdomain, as Kubernetes bounds names
const MAX_IMAGE = 1024;
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const UID = /^[0-9A-Za-z-]{1,64}$/;
const MAX_LABELS = 64;
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,315}[A-Za-z0-9])?$/; // prefix of 253, slash, name of 63
const REVISION_LABEL = /(?:^|[-/])(?:hash|generation|index)$/;
const STATUSES = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const object = (value: unknown): Json => (isObject(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const isName = (value: string): boolean => value.length <= MAX_NAME && NAME.test(value);

const runOf = (state: unknown): unknown => object(object(state)['terminated'])['containerID'];

/** Its run of now and the one before: what ends soon has been replaced when the list comes. */
function containersOf(status: Json): PodContainer[] {
  const ids = [status['containerID'], runOf(status['state']), runOf(status['lastState'])];
  const found = [...new Set(ids)].map((id) => containerOf(status, id));
  return found.filter((container) => container !== null);
}

function containerOf(status: Json, containerId: unknown): PodContainer | null {
  const id = /^[a-z0-9.-]+:\/\/([0-9a-f]{64})$/.exec(text(containerId))?.[1];
  const name = text(status['name']);
  const image = text(status['image']);
  // No id yet: the container waits to be started.
  if (id === undefined || !isName(name) || image.length > MAX_IMAGE) return null;
  const digest = /sha256:[0-9a-f]{64}$/.exec(text(status['imageID']))?.[0] ?? '';
  return { id, name, image: /^[\x21-\x7e]*$/.test(image) ? image : '', digest };
}

const reasonOf = (value: unknown): string => (/^[A-Za-z]{1,64}$/.test(text(value)) ? text(value) : '');
const count = (value: unknown): number =>
  Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0;

function endedOf(terminated: Json): ContainerState['ended'] {
  if (Object.keys(terminated).length === 0) return null;
  const { reason, exitCode, startedAt, finishedAt } = terminated;
  const lifetimeMs = Date.parse(text(finishedAt)) - Date.parse(text(startedAt));
  const known = Number.isFinite(lifetimeMs) && lifetimeMs >= 0;
  return {
    reason: reasonOf(reason),
    exitCode: Number.isSafeInteger(exitCode) ? Number(exitCode) : 0,
    lifetimeMs: known ? lifetimeMs : null,
  };
}

/** Null: it runs, and did from the beginning. */
function stateOf(status: Json): ContainerState | null {
  const [state, before] = [object(status['state']), object(status['lastState'])];
  const name = text(status['name']);
  const waiting = reasonOf(object(state['waiting'])['reason']);
  const ended = endedOf(object(state['terminated'])) ?? endedOf(object(before['terminated']));
  const restarts = count(status['restartCount']);
  // Every container waits so before its first start.
  const troubled = waiting !== '' && waiting !== 'ContainerCreating' && waiting !== 'PodInitializing';
  if (!isName(name) || (restarts === 0 && ended === null && !troubled)) return null;
  return { container: name, restarts, waiting: troubled ? waiting : '', ended };
}

function controllerOf(metadata: Json): WorkloadName | null {
  const owners = list(metadata['ownerReferences']).map(object);
  const owner = owners.find((reference) => reference['controller'] === true) ?? owners[0];
  if (owner === undefined) return null;
  const found = { kind: text(owner['kind']), name: text(owner['name']) };
  return isName(found.kind) && isName(found.name) ? found : null;
}

function labelsOf(metadata: Json): Record<string, string> {
  const hash = text(object(metadata['labels'])['pod-template-hash']);
  return isName(hash) ? { 'pod-template-hash': hash } : {};
}

/** What rules may be scoped by. */
function ownLabels(metadata: Json): Record<string, string> | null {
  const labels = Object.entries(object(metadata['labels'])).filter(
    ([name, value]) =>
      LABEL.test(name) &&
      !REVISION_LABEL.test(name) &&
      (value === '' || (isName(text(value)) && text(value).length <= 63)),
  );
  return labels.length === 0
    ? null
    : (Object.fromEntries(labels.slice(0, MAX_LABELS)) as Record<string, string>);
}

function podOf(item: unknown): Pod | null {
  const pod = object(item);
  const [metadata, spec, status] = [object(pod['metadata']), object(pod['spec']), object(pod['status'])];
  const [uid, name, namespace] = [text(metadata['uid']), text(metadata['name']), text(metadata['namespace'])];
  if (!UID.test(uid) || !isName(name) || !isName(namespace)) return null;
  // A static pod runs under the hash its source gave it; the API's own copy (mirror) has another UID.
  const mirror = text(object(metadata['annotations'])['kubernetes.io/config.hash']);
  const statuses = STATUSES.flatMap((key) => list(status[key]).map(object)).slice(0, MAX_CONTAINERS);
  const owner = controllerOf(metadata);
  const labels = ownLabels(metadata);
  const states = statuses.map(stateOf).filter((state) => state !== null);
  const addresses = list(status['podIPs']).map((entry) => text(object(entry)['ip']));
  return {
    uid: UID.test(mirror) ? mirror : uid,
    name,
    namespace,
    workload: workloadOf({ name, nodeName: text(spec['nodeName']), labels: labelsOf(metadata), owner }),
    ...(labels === null ? {} : { labels }),
    addresses: spec['hostNetwork'] === true ? [] : addresses.filter((ip) => /^[0-9a-f.:]{2,45}$/.test(ip)),
    containers: statuses.flatMap(containersOf),
    ...(states.length === 0 ? {} : { states }),
  };
}

/** Reads `kind: PodList` (or `List`) with its items. */
export function readPodList(json: string): PodsRead {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return { pods: [], refused: 0, problem: `not JSON: ${(error as Error).message}` };
  }
  const items = object(value)['items'];
  // Kubernetes writes null for an empty list of Go.
  if (!isObject(value) || !(Array.isArray(items) || (items === null && 'kind' in value)))
    return { pods: [], refused: 0, problem: 'not a PodList: it has no items' };
  const all = list(items);
  const pods = all.slice(0, MAX_PODS).map(podOf);
  const fit = pods.filter((pod) => pod !== null);
  return { pods: fit, refused: all.length - fit.length, problem: null };
}
