/** What kubectl shows of picket's custom resources, and what the API server says to a bad one. */
import type { Cluster } from './cluster.ts';
import { CommandError, until } from './command.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}
interface Item {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export const picketObject = (kind: string, name: string, spec: object, namespace?: string): object => ({
  apiVersion: 'picket.dev/v1alpha1',
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  spec,
});

/** The words with which the API server refuses it. @throws where it is taken */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CommandError) return error.stderr;
    throw error;
  }
  throw new Error('it was taken');
}

/** The condition `InForce` of the object as it is now, once central has said it. */
export function inForce(cluster: Cluster, kind: string, name: string): Promise<Condition> {
  return until(`a word on ${kind} ${name}`, async () => {
    const { metadata, status } = await cluster.get<
      Item & { metadata: { generation: number }; status?: { observedGeneration?: number } }
    >([kind, name]);
    const isOfNow = status?.observedGeneration === metadata.generation;
    return isOfNow ? status?.conditions?.find(({ type }) => type === 'InForce') : null;
  });
}

/** The one line of `kubectl get -o wide`, by its columns' heads. */
export async function columns(cluster: Cluster, args: readonly string[]): Promise<Record<string, string>> {
  const text = await cluster.kubectl(['get', ...args, '-o', 'wide']);
  const [head = '', line = ''] = text.split('\n');
  // A head may have a blank in it; between two there are three.
  const heads = [...head.matchAll(/\S+(?: \S+)*/g)].map(({ 0: name, index }) => ({ name, index }));
  return Object.fromEntries(
    heads.map(({ name, index }, at) => [name, line.slice(index, heads[at + 1]?.index).trim()]),
  );
}
