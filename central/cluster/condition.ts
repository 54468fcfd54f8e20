/** Status conditions as Kubernetes has them. */

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

const MAX_MESSAGE = 4096;

/** The condition as it is now; its time stays when its status does. `holds` null: it is not known. */
export function conditionOf(
  before: unknown,
  now: {
    type: string;
    holds: boolean | null;
    reason: string;
    message: string;
    generation?: number;
    nowMs: number;
  },
): Condition {
  const status = now.holds === null ? 'Unknown' : now.holds ? 'True' : 'False';
  const known = (Array.isArray(before) ? before : []).find(
    (one: unknown): one is Condition =>
      typeof one === 'object' && one !== null && (one as Condition).type === now.type,
  );
  const same = known?.status === status;
  return {
    type: now.type,
    status,
    reason: now.reason,
    message: now.message.slice(0, MAX_MESSAGE),
    lastTransitionTime: same ? known.lastTransitionTime : new Date(now.nowMs).toISOString(),
    ...(now.generation === undefined ? {} : { observedGeneration: now.generation }),
  };
}
