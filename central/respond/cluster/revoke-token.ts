/**
 * The tokens of the pod's service account that can be taken back: those bound to the pod end with the pod, those in the
 * account's secrets with the secret. Others that somebody asked for with `kubectl create token` end by their time only.
 */
import type { KubeObject, Resource } from '../../../kit/kube/resource.ts';
import type { ClusterAction, On } from './action.ts';
import { findPod, refOf, wantPod } from './pods.ts';

const core = (plural: string, kind: string): Resource => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced: true,
});
const ACCOUNTS = core('serviceaccounts', 'ServiceAccount');
const SECRETS = core('secrets', 'Secret');

const accountOf = (pod: KubeObject): string =>
  String((pod['spec'] as { serviceAccountName?: unknown } | undefined)?.serviceAccountName ?? 'default');
const listOf = (before: Readonly<Record<string, unknown>>): readonly string[] =>
  Array.isArray(before['secrets']) ? before['secrets'].map(String) : [];

async function secretsOf({ kube, target }: On, name: string): Promise<readonly string[]> {
  const account = await kube.find({ resource: ACCOUNTS, namespace: target.namespace, name });
  const named = account?.['secrets'];
  return Array.isArray(named)
    ? named.map((each: { name?: unknown }) => String(each.name ?? '')).filter(Boolean)
    : [];
}

export const revokeToken: ClusterAction = {
  name: 'revoke-token',
  reversal: 'irreversible',
  sentence:
    'Deletes the pod, with which its bound tokens end, and the secrets that its service account lists.',
  undoWords: 'none; its owner starts another with new tokens',
  permissions: [
    {
      apiGroups: [''],
      resources: ['pods'],
      verbs: ['get', 'delete'],
      because: 'Its bound tokens end with it.',
    },
    {
      apiGroups: [''],
      resources: ['serviceaccounts'],
      verbs: ['get'],
      because: 'Which secrets have tokens of it.',
    },
    {
      apiGroups: [''],
      resources: ['secrets'],
      verbs: ['delete'],
      because: 'Their tokens end with them; none is read.',
    },
  ],
  async prepare(on) {
    const account = accountOf(await wantPod(on));
    return { account, secrets: await secretsOf(on, account) };
  },
  async execute(on, before) {
    for (const name of listOf(before))
      await on.kube.delete({ resource: SECRETS, namespace: on.target.namespace, name });
    await on.kube.delete(refOf(on.target), { uid: on.target.podUid });
  },
  async verify(on, before) {
    const pod = await findPod(on);
    const ending = pod === null || pod.metadata.deletionTimestamp !== undefined;
    return {
      verified: ending,
      proof: [
        `${listOf(before).length} secrets deleted`,
        ending ? 'the pod is gone or ending' : 'the pod is there',
      ],
      open: ['tokens that are bound to nothing, until their time is over'],
    };
  },
  undo: null,
};
