/** What each detector cost in a replay: time for a window of a container, and memory for a workload. */
import { addTo, memoryOf } from '../../../agent/models/memory.ts';
import type { Pipeline } from '../../../agent/pipeline.ts';

export interface DetectorCosts {
  /** Windows of containers, and workloads with a baseline. */
  readonly windows: number;
  readonly workloads: number;
  /** Detector → ns and bytes of all of them; rules are `rule`. */
  readonly nanoseconds: ReadonlyMap<string, number>;
  readonly bytes: ReadonlyMap<string, number>;
}

export const NO_COSTS: DetectorCosts = { windows: 0, workloads: 0, nanoseconds: new Map(), bytes: new Map() };

/** `share`: of the time on the clock that was CPU time of ours; a busy machine takes the rest. */
export function costsOf(
  { costs, registry }: Pick<Pipeline, 'costs' | 'registry'>,
  share: number,
): DetectorCosts {
  const baselines = registry.all();
  const bytes = new Map<string, number>();
  for (const baseline of baselines) addTo(bytes, memoryOf(baseline.save()));
  const nanoseconds = new Map([...costs.by].map(([name, cost]) => [name, cost.nanoseconds * share]));
  return { windows: costs.windows, workloads: baselines.length, nanoseconds, bytes };
}

/** Of two replays together. */
export function together(a: DetectorCosts, b: DetectorCosts): DetectorCosts {
  const [nanoseconds, bytes] = [new Map(a.nanoseconds), new Map(a.bytes)];
  addTo(nanoseconds, b.nanoseconds);
  addTo(bytes, b.bytes);
  return { windows: a.windows + b.windows, workloads: a.workloads + b.workloads, nanoseconds, bytes };
}

/** What is measured under another name: rhythm looks at the flows that volume does, a session's reach at its facts. */
const MEASURED_AS: Readonly<Record<string, string>> = { rules: 'rule', rhythm: 'volume' };

/** Time for a window, us, and memory for a workload, KiB, as cells of a table; `-`: it is not measured apart. */
export function costCells(detector: string, costs: DetectorCosts): [string, string] {
  const name = MEASURED_AS[detector] ?? detector;
  const [ns, bytes] = [costs.nanoseconds.get(name), costs.bytes.get(name)];
  const us = ns === undefined ? '-' : (ns / 1000 / Math.max(1, costs.windows)).toFixed(1);
  return [us, bytes === undefined ? '-' : (bytes / 1024 / Math.max(1, costs.workloads)).toFixed(1)];
}
