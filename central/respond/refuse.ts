/** A person says no to what was proposed: it stays refused, whatever policies say later in this incident. */
import type { Declined } from './declined.ts';
import { type ResponseParts, type ResponseStore, settle, waiting } from './execute.ts';
import type { Plan } from './plan.ts';

export interface Refused {
  readonly plan: Plan;
  /** A newer plan had taken its place before the no was heard: what that one says was planned without it. */
  readonly superseded: boolean;
}

/** The no is to containers rather than to a plan, so that it counts however late it is heard; a yes is to what was read. */
export async function refuse(
  store: ResponseStore,
  parts: Pick<ResponseParts, 'nowMs'>,
  asked: { incident: string; plan: string; actor: string; reason: string },
): Promise<Refused | Declined> {
  const { incident, plan, actor, reason } = asked;
  const before = await store.supersededPlan(incident, plan);
  const proposal = before ?? (await waiting(store, incident, plan));
  if ('declined' in proposal) return proposal;
  await store.savePlan(proposal, 'refused');
  const text = `refused ${plan}: ${reason}`;
  await store.appendStep({ atMs: parts.nowMs(), actor, action: 'refuse', incident, order: '', text });
  const now = await store.incident(incident);
  // One that ended meanwhile stays so; one that waits for a newer plan is judged with that.
  if (before === null && now?.state === 'awaiting') await settle(store, incident, 'open');
  return { plan: proposal, superseded: before !== null };
}
