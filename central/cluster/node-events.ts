/**
 * What Kubernetes says of nodes: not ready, short of memory, disk or process numbers, rebooted, and other warnings. It
 * stands beside what is found on the node, or of its silence, and decides nothing.
 */
import type { KubeObject } from '../../kit/kube/resource.ts';
import { type EventHead, EventWatch, type EventWatchParts, headOf, object } from './event-watch.ts';

export interface NodeEvent extends EventHead {
  readonly node: string;
}

/** An hour of a cluster of 1,000 nodes, and of each node's last ones. */
const LIMITS = { all: 4096, ofNamespace: 4096 };
/** Nodes have no namespace: their Events are here, where few may write. */
const NAMESPACE = 'default';
/** Told as normal, since the node controller and the kubelet do their work: what they say is not. */
const NOT_NORMAL: ReadonlySet<string> = new Set([
  'NodeNotReady',
  'NodeHasInsufficientMemory',
  'NodeHasDiskPressure',
  'NodeHasInsufficientPID',
  'NodeNotSchedulable',
  'NodeReady',
  'RemovingNode',
]);

/** Null: not of a node, or nothing to tell. */
export function nodeEventOf(event: KubeObject): NodeEvent | null {
  const head = headOf(event);
  const { kind, name } = object(event['involvedObject']);
  if (head === null || head.namespace !== NAMESPACE || kind !== 'Node') return null;
  if (typeof name !== 'string' || name === '' || name.length > 253) return null;
  return event['type'] === 'Warning' || NOT_NORMAL.has(head.reason) ? { ...head, node: name } : null;
}

export const nodeEvents = (parts: EventWatchParts): EventWatch<NodeEvent> =>
  new EventWatch(parts, {
    fieldSelector: 'involvedObject.kind=Node',
    reduce: nodeEventOf,
    limits: LIMITS,
  });
