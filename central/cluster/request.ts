/** What the policies say to a containment that a person asks for by an object. */
import type { Involved } from '../correlate/incident.ts';
import { guardPlan, type Situation } from '../respond/guard.ts';
import type { PlanStep } from '../respond/plan.ts';
import { type Action, type Policy, policyFor } from '../respond/policy.ts';

/**
 * The limits of the policy for this place hold: they were set for what follows from a mistake, whoever makes it. Where no
 * policy is, what is protected or untouchable is refused all the same.
 */
export function guardRequest(
  asked: { readonly target: Involved; readonly action: Action },
  policies: readonly Policy[],
  situation: Situation,
): Pick<PlanStep, 'verdict' | 'because'> {
  const { target, action } = asked;
  const { namespace, workload } = target;
  const policy = policyFor(policies, { namespace, workload, severity: 'critical' });
  const step: PlanStep = {
    target,
    policy: policy === null ? null : { name: policy.name, version: policy.version },
    mode: policy?.mode ?? 'observe',
    action,
    verdict: 'execute',
    because: 'a person asked for it',
  };
  const [guarded] = guardPlan({ id: '', incident: '', madeMs: 0, steps: [step] }, policies, situation).steps;
  return guarded ?? step;
}
