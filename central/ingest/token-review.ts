/**
 * Whose a service-account token is, by asking the API server that gave it out. The token has to be for us (audience), of
 * the agents' own service account, and bound to a pod: the pod's node is the node that speaks.
 */
import type { KubeClient } from '../../kit/kube/client.ts';
import { isKubeError } from '../../kit/kube/error.ts';
import type { Permission } from '../../kit/kube/permission.ts';
import { PODS, type Resource } from '../../kit/kube/resource.ts';
import { RefusedError, show } from './refused.ts';

export const AUDIENCE = 'picket';

/** What enrolment asks of the API server. */
export const ENROL_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: ['authentication.k8s.io'],
    resources: ['tokenreviews'],
    verbs: ['create'],
    because: "An agent's first certificate is given for its service-account token.",
  },
  {
    apiGroups: [''],
    resources: ['pods'],
    verbs: ['get'],
    ownNamespace: true,
    because: 'Before Kubernetes 1.32 a token names its pod and not its node.',
  },
];

const TOKEN_REVIEWS: Resource = {
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'tokenreviews',
  kind: 'TokenReview',
  namespaced: false,
};
const EXTRA = 'authentication.kubernetes.io/';

type Json = Readonly<Record<string, unknown>>;
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

/** Values of `extra` are lists. */
function extraOf(user: Json, name: string): string {
  const values = object(user['extra'])[`${EXTRA}${name}`];
  return Array.isArray(values) && typeof values[0] === 'string' ? values[0] : '';
}

export interface TokenReviewParts {
  readonly client: Pick<KubeClient, 'create' | 'find'>;
  /** `namespace/name` of the service accounts that agents have. */
  readonly accounts: readonly string[];
}

const refuse = (sentence: string): RefusedError =>
  new RefusedError('PICKET_TOKEN', `serviceAccountToken: ${sentence}`);

/** @throws RefusedError of PICKET_KUBERNETES when the API server cannot be asked: to be tried again */
async function ask<T>(work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    if (!isKubeError(cause)) throw cause;
    throw new RefusedError('PICKET_KUBERNETES', `the API server could not be asked: ${cause.reason}`, {
      cause,
    });
  });
}

/** The node of the pod that the token is of. @throws RefusedError */
export function createTokenReview({
  client,
  accounts,
}: TokenReviewParts): (token: string) => Promise<string> {
  return async (token) => {
    const review = await ask(
      client.create(
        { resource: TOKEN_REVIEWS },
        {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, audiences: [AUDIENCE] },
        },
      ),
    );
    const status = object(review['status']);
    if (status['authenticated'] !== true)
      throw refuse('not of this cluster, run out, or of a pod that is gone');
    // A server that knows no audiences answers without them: then the token may be for anybody.
    const audiences = status['audiences'];
    if (!Array.isArray(audiences) || !audiences.includes(AUDIENCE))
      throw refuse(`not for audience ${AUDIENCE}`);
    const user = object(status['user']);
    const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(String(user['username']));
    const [, namespace = '', name = ''] = account ?? [];
    if (!accounts.includes(`${namespace}/${name}`))
      throw refuse(`of ${show(user['username'])}, which is no service account of agents`);
    const node = extraOf(user, 'node-name');
    return node === '' ? nodeOfPod(client, namespace, user) : node;
  };
}

async function nodeOfPod(client: Pick<KubeClient, 'find'>, namespace: string, user: Json): Promise<string> {
  const [name, uid] = [extraOf(user, 'pod-name'), extraOf(user, 'pod-uid')];
  if (name === '' || uid === '') throw refuse('bound to no pod');
  const pod = await ask(client.find({ resource: PODS, namespace, name }));
  const node = object(pod?.['spec'])['nodeName'];
  // One of the same name that came later is another pod.
  if (pod === null || pod.metadata.uid !== uid || typeof node !== 'string' || node === '')
    throw refuse('of a pod that is gone');
  return node;
}
