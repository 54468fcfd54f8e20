/**
 * A newer re-ranking model beside the one in force: both order the verdicts that came after it was made, of which neither knew, and
 * only the older one's order is shown. It takes its place when it orders them no worse, else it is dropped. Pure.
 */
import { auc, type Example, type Model, rank } from './reranking.ts';

/** Verdicts of either kind before anything is decided: of 25 pairs one is four in a hundred. */
export const EACH = 5;

export interface Contest {
  readonly truePositives: number;
  readonly falsePositives: number;
  /** Chance that a real one is ranked above a false one. */
  readonly inForce: number;
  readonly candidate: number;
}

/** `later`: verdicts on what nobody had judged when the candidate was made. */
export function contest(inForce: Model, candidate: Model, later: readonly Example[]): Contest {
  const by = (model: Model): number =>
    auc(later.map((one) => ({ score: rank(model, one), real: one.verdict === 'true-positive' })));
  const truePositives = later.filter(({ verdict }) => verdict === 'true-positive').length;
  return {
    truePositives,
    falsePositives: later.length - truePositives,
    inForce: by(inForce),
    candidate: by(candidate),
  };
}

/** Null: there is too little to say. */
export function outcomeOf(held: Contest): 'promoted' | 'dropped' | null {
  if (held.truePositives < EACH || held.falsePositives < EACH) return null;
  return held.candidate >= held.inForce ? 'promoted' : 'dropped';
}
