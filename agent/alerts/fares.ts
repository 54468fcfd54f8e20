/** Verdicts on how the containers of a workload fare: oftener in trouble than ever, or of another kind. */
import type { Verdict } from './judge.ts';
import { POD_STATE } from './pod-state.ts';
import { type StrangeNumbers, VOLUME } from './volume.ts';

const SHOWN = 3;

/** Evidence of nothing by itself, as pod-state: it opens no alert, and tells what the numbers were. */
export function judgeFares(found: Omit<StrangeNumbers, 'steps'>): Verdict {
  const { score, reason, parts, workload, learnt } = found;
  const shown = parts.slice(0, SHOWN).join('; ') || 'numbers that do not go together as ever';
  return {
    detector: VOLUME,
    severity: 'low',
    score,
    summary: `${workload}: ${shown}`,
    subject: `fares ${workload}`,
    techniques: [],
    facts: { numbers: parts.join('; '), windows: String(learnt), pods: workload },
    explanation: `volume: ${workload}, as the kubelet says: ${parts.join('; ') || reason}. ${reason}`,
    next: 'Read the log of the run before (`kubectl logs --previous`), and compare with what was rolled out, asked of it or scheduled beside it.',
    flags: false,
    withholds: false,
    bits: 0,
    kind: POD_STATE,
  };
}
