/** A person says no to what was proposed: it stays refused, whatever policies say later in this incident. */
import type { Declined } from './declined.ts';
import { type ResponseParts, type ResponseStore, settle, waiting } from './execute.ts';
import type { Plan } from './plan.ts';

export async function refuse(
  store: ResponseStore,
  parts: Pick<ResponseParts, 'nowMs'>,
  asked: { incident: string; plan: string; actor: string; reason: string },
): Promise<Plan | Declined> {
  const { incident, plan, actor, reason } = asked;
  const proposal = await waiting(store, incident, plan);
  if ('declined' in proposal) return proposal;
  await store.savePlan(proposal, 'refused');
  const text = `refused ${plan}: ${reason}`;
  await store.appendStep({ atMs: parts.nowMs(), actor, action: 'refuse', incident, order: '', text });
  await settle(store, incident, 'open');
  return proposal;
}
