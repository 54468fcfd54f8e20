/** What the stages before give, as messages of the wire. */
import type { Alert, Container, Detection, Input, Session, Window } from '../../wire/index.ts';
import type * as alerts from '../alerts/alert.ts';
import * as detections from '../alerts/detection.ts';
import type * as windows from '../features/window.ts';
import type * as identity from '../identity/container.ts';
import type * as lives from '../identity/lives.ts';
import type { ContainerState } from '../identity/pods.ts';
import type { SessionStart } from '../situation/session-start.ts';

export function containerMessage(
  { id, cgroup, runtime, identity }: identity.Container,
  { restarts, last }: lives.Life,
): Input<Container> {
  const life = {
    restarts,
    lastLifetimeMs: last?.lifetimeMs ?? 0,
    lastStatus: last?.status ?? null,
    lastOom: last?.oom ?? false,
  };
  return { ...identity, id, cgroup, runtime, life };
}

export function detectionMessage(detection: detections.Detection): Input<Detection> {
  const { id, detector, severity, score, timeNs, wallMs, container, process, summary, alert } = detection;
  return {
    id,
    detector,
    severity,
    score,
    timeNs,
    wallMs: Math.floor(wallMs),
    container: container.id,
    workload: container.identity.workload,
    pid: process?.pid ?? 0,
    processStartNs: process?.startNs ?? 0n,
    summary,
    alert,
    techniques: detection.techniques,
    facts: detections.factsTold(detection),
  };
}

/** Without its arguments, which may hold secrets: what is known elsewhere is known again by their hash. */
export function sessionMessage(
  { container, root, event }: SessionStart,
  wallMs: number,
  argsSha256: string,
): Input<Session> {
  return {
    container: container.id,
    workload: container.identity.workload,
    root,
    wallMs: Math.floor(wallMs),
    pid: event.process.pid,
    uid: event.process.uid,
    exe: event.exe,
    argsSha256,
    argsCount: event.argsCount,
    argsBytes: event.argsTotal,
    argsCut: event.argsCut,
    by: event.parentExe,
  };
}

export function alertMessage(alert: alerts.Alert): Input<Alert> {
  const { container, firstWallMs, lastWallMs, ...rest } = alert;
  return {
    ...rest,
    firstWallMs: Math.floor(firstWallMs),
    lastWallMs: Math.floor(lastWallMs),
    container: container.id,
    workload: container.identity.workload,
  };
}

/** A window and whose it was. */
export interface OwnedWindow extends windows.Window {
  readonly container: identity.Container;
  readonly newFacts: number;
  readonly newPairs: number;
  readonly mode: string;
  readonly state: string;
  readonly pod: ContainerState | null;
}

export function windowMessage(window: OwnedWindow): Input<Window> {
  const { container, startNs, endNs, counts, resources, newFacts, newPairs, mode, lost, losses, state, pod } =
    window;
  return {
    ...counts,
    container: container.id,
    workload: container.identity.workload,
    startNs,
    endNs,
    newFacts,
    newPairs,
    mode,
    lost,
    losses,
    state,
    resources,
    ...podMessage(pod),
  };
}

function podMessage(pod: ContainerState | null): Input<Window> {
  if (pod === null) return {};
  const { restarts, waiting, ended } = pod;
  return {
    podRestarts: restarts,
    podWaiting: waiting,
    podLastEnd: ended?.reason ?? '',
    podLifetimeMs: ended?.lifetimeMs ?? null,
  };
}
