/** What a pipeline is made with. */
import type { Means } from '../kit/exception.ts';
import type { Rules } from './alerts/hit.ts';
import type { Architecture } from './features/syscalls.ts';
import type { Sink } from './sink.ts';

export interface PipelineSettings {
  /** Periods before a baseline judges, and before it counts as mature. */
  readonly learnWindows: number;
  readonly matureWindows: number;
  /** Rarity from which a detection is made, 0 to 1. */
  readonly minScore: number;
  /** Detectors and rules on trial. */
  readonly shadow: Pick<ReadonlySet<string>, 'has'>;
  /** An alert stays open for this long after its last detection, ms. */
  readonly groupForMs: number;
  /** Expected time between false alarms of one workload, ns. */
  readonly budgetNs: bigint;
}

export interface PipelineOptions {
  readonly cluster: string;
  readonly node: string;
  /** The kernel's boot id. */
  readonly boot: string;
  /** One instant on both clocks; ticks bring later ones. */
  readonly bootNs: bigint;
  readonly wallMs: number;
  readonly settings: PipelineSettings;
  readonly architecture: Architecture;
  /** Lists of pods will come: events of a pod's container wait for its name, at most 2 s. */
  readonly podsExpected: boolean;
  readonly rules: Rules;
  readonly sink: Sink;
  /** Of exceptions that name values as they were told. */
  readonly means?: Means;
}
