/** What all detectors have in common that look at whole windows of a container. */
import type { Verdict } from './alerts/judge.ts';
import type { Window } from './features/window.ts';
import type { Container } from './identity/container.ts';
import type { Baseline } from './models/baseline.ts';
import type { TrainingRequest } from './models/shape/training.ts';

export interface Judging {
  readonly baseline: Baseline;
  readonly container: Container;
  /** Steps of severity: of the host and of a young baseline. */
  readonly steps: number;
  /** Of the bits: while a session is at work they are its numbers as well. */
  readonly share: number;
  /** It is the node outside containers, of which nothing is usual: what people and services do there adds up. */
  readonly host: boolean;
}

export interface WindowDetector {
  /** By which its cost is told. */
  readonly name: string;
  /** What it said of the window that ended last, until `settle`; null: nothing, or not in bits. */
  readonly bits: number | null;
  /** A window of steady life that was looked at is over. Called before `settle`. */
  end(window: Window, judging: Judging): Verdict[];
  /**
   * Every window, judged or not, ends with it; `clean`: nothing of it was lost and no fact called strange, so that it may
   * be learnt.
   * @returns a training run that is due
   */
  settle(baseline: Baseline, clean: boolean): TrainingRequest | null;
}
