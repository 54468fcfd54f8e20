/** Takes a containment back: a release order of its own, which follows the container through restarts as the first did. */
import type { Declined } from './declined.ts';
import { isActive, type ResponseParts, type ResponseStore, settle } from './execute.ts';
import type { Order } from './orders.ts';

export async function undo(
  store: ResponseStore,
  parts: ResponseParts,
  asked: { order: string; actor: string; reason: string },
): Promise<Order | Declined> {
  const { actor, reason } = asked;
  const contained = await store.order(asked.order);
  if (contained === null || contained.kind !== 'contain')
    return { declined: 'not-found', message: `containment ${asked.order}: unknown` };
  if (!isActive(contained)) {
    const ended = contained.releasedBy === '' ? contained.state : `taken back by ${contained.releasedBy}`;
    return { declined: 'conflict', message: `containment ${contained.id}: it is ${ended}` };
  }
  const release = parts.orders.release(contained, { actor, reason });
  await store.addOrder(release);
  await store.updateOrder(contained.id, { releasedBy: release.id });
  await store.appendStep({
    atMs: parts.nowMs(),
    actor,
    action: 'undo',
    incident: contained.incident,
    order: release.id,
    text: `release ${contained.id}: ${reason}`,
  });
  await settle(store, contained.incident, 'released');
  return release;
}
