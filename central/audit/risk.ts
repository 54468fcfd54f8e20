/**
 * The risk of one request, without any history: what it would give, whether it was done, and who did it. The parts add up
 * like independent chances (noisy or). It is expert knowledge and no learnt model: how strange a request is for this
 * cluster is novelty.ts's part.
 */
import type { Capability, Subject } from './capability.ts';
import { type AuditEvent, outcomeOf } from './event.ts';
import { podSpecOf } from './pod-spec.ts';
import { POD_CAPABILITIES } from './pods.ts';
import { REACH_CAPABILITIES } from './reach.ts';
import { RIGHT_CAPABILITIES } from './rights.ts';

export const CAPABILITIES: readonly Capability[] = [
  ...POD_CAPABILITIES,
  ...RIGHT_CAPABILITIES,
  ...REACH_CAPABILITIES,
];

export interface Risk {
  /** 0 to 1. */
  readonly score: number;
  /** The gravest first. */
  readonly parts: readonly {
    readonly name: string;
    readonly technique: string;
    readonly sentence: string;
    readonly grade: number;
  }[];
}

/** These are about the attempt, or weigh its outcome themselves. */
const OF_ATTEMPT: ReadonlySet<string> = new Set([
  'secret',
  'anonymous',
  'rights-asked',
  'tool',
  'ill-reputed-address',
  'system-from-internet',
]);

/** What was refused tells of the one who asked; what failed otherwise did nothing. */
const WEIGHT_OF = { done: 1, refused: 0.5, failed: 0.35 } as const;

/** Parts of the cluster whose work it is to make and change what others asked for. */
const CONTROLLERS =
  /^system:(kube-(controller-manager|scheduler)|apiserver|aggregator|node:.+|serviceaccount:kube-system:.+)$|^(eks:|aks-service|aksService|system:gke)|(^|@)(container-engine-robot|gcp-sa-[a-z-]+)[@.]/;
const CONTROLLER_WEIGHT = 0.3;

const isController = ({ user }: AuditEvent): boolean => CONTROLLERS.test(user);

export function riskOf(event: AuditEvent): Risk {
  const subject: Subject = { event, pod: podSpecOf(event.resource, event.object) };
  const outcome = WEIGHT_OF[outcomeOf(event)];
  const parts = CAPABILITIES.flatMap(({ name, technique, sentence, grade }) => {
    const whole = grade(subject);
    if (whole <= 0) return [];
    const byController =
      isController(event) && name !== 'system-from-internet' && name !== 'ill-reputed-address';
    const weight = (OF_ATTEMPT.has(name) ? 1 : outcome) * (byController ? CONTROLLER_WEIGHT : 1);
    return [{ name, technique, sentence, grade: whole * weight }];
  }).toSorted((a, b) => b.grade - a.grade);
  const score = 1 - parts.reduce((rest, { grade }) => rest * (1 - grade), 1);
  return { score, parts };
}
