/** Puts the certificate of central's authority where agents can read it: in a ConfigMap that is there already. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../kit/kube/client.ts';
import type { Permission } from '../../kit/kube/permission.ts';
import type { Resource } from '../../kit/kube/resource.ts';
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

/** Whoever emptied it meanwhile is not waited for longer than this. */
const AGAIN_MS = 10 * 60_000;

export interface PublishParts {
  readonly client: Pick<KubeClient, 'patch'>;
  /** `namespace/name`. */
  readonly where: string;
  /** PEM. */
  readonly certificate: string;
  readonly signal: AbortSignal;
  readonly onPublished: () => void;
  readonly onError: (error: unknown) => void;
}

/** Until it is written, and every ten minutes then. Resolves once the signal is aborted. */
export async function publishAuthority(parts: PublishParts): Promise<void> {
  const { client, signal } = parts;
  const [namespace = '', name = ''] = parts.where.split('/');
  const waits = backoff({ baseMs: 1000, limitMs: 60_000 });
  let written = false;
  while (!signal.aborted) {
    let wait = AGAIN_MS;
    try {
      const data = { 'ca.crt': parts.certificate };
      await client.patch({ resource: CONFIG_MAPS, namespace, name }, { data }, { signal });
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
