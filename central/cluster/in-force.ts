/** Documents that are objects say whether they are in force, and why not, as the condition `InForce`. */
import type { KubeClient } from '../../kit/kube/client.ts';
import type { Resource } from '../../kit/kube/resource.ts';
import type { ChangeKind } from '../../kit/kube/watch.ts';
import { type Condition, conditionOf } from './condition.ts';

export interface InForceObject {
  readonly resource: Resource;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly conditions: unknown;
}

/** What we wrote on its status comes back as a change. */
export const isOurWord = (change: ChangeKind, item: InForceObject, before: InForceObject | null): boolean =>
  change !== 'DELETED' && before?.uid === item.uid && before.generation === item.generation;

/** Objects of a kind that are not looked at because there are too many. */
export type LeftOut = readonly (readonly [kind: string, count: number])[];

export const tooMany = ({ kind }: Resource, most: number): string =>
  `there are more than ${most} objects of kind ${kind}: it is in force when others were deleted`;

/** `refusal` empty: it is. False where that was said before. */
export async function sayInForce(
  { resource, name, generation, conditions }: InForceObject,
  refusal: string,
  { client, nowMs }: { readonly client: KubeClient; readonly nowMs: () => number },
): Promise<boolean> {
  const holds = refusal === '';
  const condition = conditionOf(conditions, {
    type: 'InForce',
    holds,
    reason: holds ? 'Accepted' : 'Refused',
    message: refusal,
    generation,
    nowMs: nowMs(),
  });
  if (isSaid(conditions, condition)) return false;
  const status = { observedGeneration: generation, conditions: [condition] };
  await client.patch({ resource, name }, { status }, { subresource: 'status' });
  return true;
}

function isSaid(conditions: unknown, wanted: Condition): boolean {
  const [said] = Array.isArray(conditions) ? (conditions as Condition[]) : [];
  return (
    said?.status === wanted.status &&
    said.message === wanted.message &&
    said.observedGeneration === wanted.observedGeneration
  );
}
