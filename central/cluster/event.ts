/** Kubernetes Events on our objects. */
import type { KubeClient } from '../../kit/kube/client.ts';
import { EVENTS, type Resource } from '../../kit/kube/resource.ts';
import { API_VERSION } from './kinds.ts';

export interface Told {
  readonly resource: Resource;
  /** Left out for what has none: its Events are in `default`. */
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

const MAX_MESSAGE = 1024;

export async function tellEvent(client: KubeClient, told: Told, nowMs: number): Promise<void> {
  const { resource, name, uid, type, reason, message } = told;
  const namespace = told.namespace ?? 'default';
  const at = new Date(nowMs).toISOString();
  const where = told.namespace === undefined ? {} : { namespace };
  await client.create(
    { resource: EVENTS, namespace },
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { generateName: `${name.slice(0, 200)}.`, namespace },
      involvedObject: { apiVersion: API_VERSION, kind: resource.kind, ...where, name, uid },
      reason,
      message: message.slice(0, MAX_MESSAGE),
      type,
      source: { component: 'picket-central' },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    },
  );
}
