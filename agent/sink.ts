/** What comes out of the pipeline. */
import type { Alert } from './alerts/alert.ts';
import type { Canary } from './alerts/canary.ts';
import type { Detection } from './alerts/detection.ts';
import type { Window } from './features/window.ts';
import type { Container } from './identity/container.ts';
import type { ContainerState } from './identity/pods.ts';
import type { BaselineState } from './models/baseline.ts';
import type { TrainingRequest } from './models/shape/training.ts';
import type { Mode, Profile } from './profile/profiles.ts';
import type { SessionStart } from './situation/session-start.ts';

/** A window with whose it is. */
export interface ContainerWindow extends Window {
  readonly container: Container;
  /** Facts that the baseline did not know. */
  readonly newFacts: number;
  readonly newPairs: number;
  /** Whether the kernel side told new pairs one by one. */
  readonly mode: Mode;
  readonly state: BaselineState;
  /** How the kubelet says that the container fares; null: nothing but that it runs. */
  readonly pod: ContainerState | null;
}

/** What comes out. The calls are made while the input is being handled; they must not throw. */
export interface Sink {
  detection(detection: Detection): void;
  /** A new alert, or a later revision of one. */
  alert(alert: Alert): void;
  window(window: ContainerWindow): void;
  /** Somebody entered a container; at Unix time `wallMs`. */
  session(session: SessionStart, wallMs: number): void;
  /** The agent's own canary was seen; at Unix time `wallMs`. */
  canary(canary: Canary, wallMs: number): void;
  newContainer(container: Container): void;
  goneContainer(container: Container): void;
  /** What the kernel side is to know of a container's slot; a replay has no use for it. */
  profile(profile: Profile): void;
  /** A training run is due; what it gives comes back as a frame. A replay has it in its recording. */
  train(request: TrainingRequest): void;
  /** A cgroup whose path is wanted: find it and give it to `cgroups`. */
  lookupCgroup(cgroup: number): void;
}
