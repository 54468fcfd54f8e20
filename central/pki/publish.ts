/**
 * Puts the certificate of central's authority where those who trust it look, in objects that are there already: a ConfigMap
 * for agents, a webhook configuration for the API server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient, PatchType } from '../../kit/kube/client.ts';
import type { Permission } from '../../kit/kube/permission.ts';
import type { ObjectRef, Resource } from '../../kit/kube/resource.ts';
import { backoff } from '../../kit/retry.ts';

const CONFIG_MAPS: Resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
/** Of a ConfigMap by its name: making one could not be granted for one name alone. */
export const PUBLISH_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: ['picket-ca'],
    verbs: ['patch'],
    ownNamespace: true,
    because: 'agents read there whom to trust as central',
  },
];

const WEBHOOKS: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
  namespaced: false,
};
/** The one webhook of that configuration. */
export const WEBHOOK = 'pods.picket.dev';
/** Asked for where `admission-webhook` is set. */
export const WEBHOOK_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['validatingwebhookconfigurations'],
    resourceNames: ['picket'],
    verbs: ['patch'],
    because: 'the API server reads there whom to trust as central, and under which path it listens',
  },
];

/** What is written where. */
export interface Publication {
  readonly ref: ObjectRef;
  readonly body: object;
  readonly type?: PatchType;
}

/** @param where `namespace/name` of a ConfigMap, for agents */
export function forAgents(where: string, certificate: string): Publication {
  const [namespace = '', name = ''] = where.split('/');
  return { ref: { resource: CONFIG_MAPS, namespace, name }, body: { data: { 'ca.crt': certificate } } };
}

/** For the API server, which sends no header with an admission review: the token is part of the path. */
export function forWebhook(name: string, certificate: string, token: string): Publication {
  const caBundle = Buffer.from(certificate).toString('base64');
  const clientConfig = { caBundle, service: { path: `/v1/admission/${token}` } };
  // By their names: a merge patch would replace the list, rules and all.
  const body = { webhooks: [{ name: WEBHOOK, clientConfig }] };
  return { ref: { resource: WEBHOOKS, name }, body, type: 'strategic' };
}

/** Whoever emptied it meanwhile is not waited for longer than this. */
const AGAIN_MS = 10 * 60_000;

export interface PublishParts {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly what: Publication;
  readonly signal: AbortSignal;
  readonly onPublished: () => void;
  readonly onError: (error: unknown) => void;
}

/** Until it is written, and every ten minutes then. Resolves once the signal is aborted. */
export async function publish(parts: PublishParts): Promise<void> {
  const { client, what, signal } = parts;
  const waits = backoff({ baseMs: 1000, limitMs: 60_000 });
  let written = false;
  while (!signal.aborted) {
    let wait = AGAIN_MS;
    try {
      await client.patch(what.ref, what.body, { signal, type: what.type ?? 'merge' });
      if (!written) parts.onPublished();
      written = true;
      waits.reset();
    } catch (error) {
      if (signal.aborted) return;
      parts.onError(error);
      wait = waits.next();
    }
    await sleep(wait, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
