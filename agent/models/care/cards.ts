/** The models of a workload as people look at them: which version speaks, on what it rests, how it fares, what is beside it. */
import type { Baseline } from '../baseline.ts';
import { CALIBRATION } from '../evidence/history.ts';
import { SURGE_FORMAT } from '../volume/surge.ts';
import type { Beheld } from './beside.ts';
import type { Changed } from './care.ts';

/** Raised when a detector's saved form or meaning changes, so that versions of it are no longer alike. */
const FORMATS: Readonly<Record<string, number>> = {
  rarity: 1,
  sequence: 1,
  shape: 1,
  volume: 1,
  surge: SURGE_FORMAT,
  access: 1,
  replica: 1,
  'dns-labels': 1,
  [CALIBRATION]: 1,
};

export interface Card {
  readonly model: string;
  /** Format, then what it was trained on: windows, or of a network the windows it was asked for with and a hash. */
  readonly version: string;
  /** Periods, windows, comparisons or names that it learnt. */
  readonly learnt: number;
  /** Population stability index of the last hour of windows, null: not known; and whether it was too high twice on end. */
  readonly drift: number | null;
  readonly drifted: boolean;
  /** Detections that were told. */
  readonly told: number;
  readonly beside: Beheld | null;
  /** Windows gathered for a newer one; null: none is. */
  readonly gathered: number | null;
}

export interface WorkloadCards {
  readonly workload: string;
  readonly state: Baseline['state'];
  readonly pinned: boolean;
  /** Unix times, ms, of the first window and the last that was learnt; null: not yet. */
  readonly bornMs: number | null;
  readonly learntMs: number | null;
  readonly stale: boolean;
  /** Share of the last windows in which something was lost, and whether that is too much to judge by. */
  readonly lossy: number;
  readonly blind: boolean;
  readonly models: readonly Card[];
  readonly changes: readonly Changed[];
}

export function cardsOf(baseline: Baseline): WorkloadCards {
  const { workload, state, pinned, history, shape, volume, surge, access, replica, labels, periods } =
    baseline;
  const { care, versions } = history;
  const card = (model: string, learnt: number, more: Partial<Card> = {}): Card => {
    const drift = care.drifts.get(model);
    const [index, drifted] = [drift?.index ?? null, drift?.drifted ?? false];
    return {
      model,
      version: `${FORMATS[model] ?? 1}.${learnt}`,
      learnt,
      drift: index === null ? null : Math.round(index * 1000) / 1000,
      drifted,
      told: care.told.get(model) ?? 0,
      beside: null,
      gathered: null,
      ...more,
    };
  };
  const network = shape.version === null ? {} : { version: `${FORMATS['shape']}.${shape.version}` };
  return {
    workload,
    state,
    pinned,
    bornMs: care.bornMs,
    learntMs: care.learntMs,
    stale: care.stale && !pinned,
    lossy: care.lossy,
    blind: care.blind,
    models: [
      card('rarity', periods),
      card('sequence', baseline.learnt('pair', 'steady')),
      card('shape', shape.learnt, { ...network, beside: shape.beheld }),
      card('volume', volume.learnt),
      card('surge', surge.learnt),
      card('access', access.learnt),
      card('replica', replica.learnt),
      card('dns-labels', labels.learnt),
      card(CALIBRATION, versions.tail.periods, { beside: versions.beheld, gathered: versions.gathered }),
    ],
    changes: care.changes,
  };
}

/** What a person may do with a model. */
export const MODEL_CHANGES = ['promote', 'rollback', 'renew'] as const;
export type ModelChange = (typeof MODEL_CHANGES)[number];

/** Does it. @returns why it cannot be done, or null. */
export function changeModel({ shape, history }: Baseline, model: string, to: ModelChange): string | null {
  const { versions, care } = history;
  const kept = model === 'shape' ? shape : model === CALIBRATION ? versions : null;
  if (kept === null)
    return `of ${model} no second version is kept: it is shape and ${CALIBRATION} that have one`;
  if (to === 'renew') {
    if (kept !== versions)
      return 'shape is trained anew by itself, each time there is twice as much to learn from';
    return versions.renew() ? null : 'a newer one is gathered or compared';
  }
  const done = to === 'promote' ? kept.promote() : kept.rollBack();
  if (!done) return to === 'promote' ? 'there is no candidate' : 'there is no version before it';
  care.changed(model, to === 'promote' ? 'promoted' : 'rolled-back', 'person');
  return null;
}

/** Sums over all workloads, with few names. */
export interface CareNumbers {
  /** Detector → the highest index of drift, and workloads in which it is too high. */
  readonly drift: ReadonlyMap<string, number>;
  readonly drifted: ReadonlyMap<string, number>;
  readonly stale: number;
  readonly blind: number;
  /** Candidates that are compared now, by model. */
  readonly candidates: ReadonlyMap<string, number>;
  /** Changes that are remembered, by what became of a model. */
  readonly changes: ReadonlyMap<string, number>;
}

export function careNumbers(baselines: Iterable<Baseline>, runs: (workload: string) => boolean): CareNumbers {
  const drift = new Map<string, number>();
  const drifted = new Map<string, number>();
  const candidates = new Map<string, number>();
  const changes = new Map<string, number>();
  let [stale, blind] = [0, 0];
  for (const { workload, pinned, history, shape } of baselines) {
    const { care, versions } = history;
    for (const [, change] of care.changes) add(changes, change);
    for (const [model, of] of care.drifts) {
      drift.set(model, Math.max(drift.get(model) ?? 0, of.index ?? 0));
      if (of.drifted) add(drifted, model);
    }
    if (shape.beheld?.place === 'candidate') add(candidates, 'shape');
    if (versions.beheld?.place === 'candidate') add(candidates, CALIBRATION);
    if (!runs(workload)) continue;
    stale += Number(care.stale && !pinned);
    blind += Number(care.blind);
  }
  return { drift, drifted, stale, blind, candidates, changes };
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
