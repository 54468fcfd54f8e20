/** The shape of a detection: one hit of one detector, told at once; and of a line of the alert log. */
import { hash } from 'node:crypto';
import type { Container } from '../identity/container.ts';
import type { Severity } from './severity.ts';

/** Of the lines of the alert log. */
export const ALERT_LOG_SCHEMA = 1;

/** How well the workload was seen when the verdict was made. */
export interface Quality {
  /** Records of the container not delivered in this window and the one before. */
  readonly lost: number;
  /** Why, by reason: see `Window.losses`. */
  readonly losses: Readonly<Record<string, number>>;
  readonly complete: boolean;
  readonly baseline: 'learning' | 'young' | 'mature';
  /** Periods learnt. */
  readonly periods: number;
}

export interface Actor {
  readonly pid: number;
  /** CLOCK_BOOTTIME, ns. */
  readonly startNs: bigint;
  readonly exe: string;
  readonly parent: string;
  readonly parentPid: number;
  readonly uid: number;
}

export interface Detection {
  readonly id: string;
  /** `rarity`, or a rule's name. */
  readonly detector: string;
  readonly severity: Severity;
  readonly score: number;
  /** Evidence against "all as ever", as its model has it and before it is calibrated; of a rule 0. */
  readonly bits: number;
  /** CLOCK_BOOTTIME of the kernel's record, ns. */
  readonly timeNs: bigint;
  readonly wallMs: number;
  readonly container: Container;
  /** Null where no process is known: accepted connections, system calls of a window. */
  readonly process: Actor | null;
  readonly summary: string;
  readonly techniques: readonly string[];
  readonly facts: Readonly<Record<string, string>>;
  /** Id of its cause, which is that of the alert if it becomes one; empty: of none, as the runtime's own work. */
  readonly alert: string;
  readonly quality: Quality;
}

/** What people are shown of it, and say is normal: with who did it. Exceptions are made of these, and compared with them. */
export const factsTold = ({
  process,
  facts,
}: Pick<Detection, 'process' | 'facts'>): Record<string, string> => ({
  ...(process === null ? {} : { exe: process.exe, parent: process.parent, uid: String(process.uid) }),
  ...facts,
});

/** What an id is made from: the same recording gives the same ids. */
export interface Origin {
  readonly node: string;
  readonly boot: string;
  readonly timeNs: bigint;
  readonly cpu: number;
}

/** `det-` or `alr-` and 20 hex digits. */
export function idOf(prefix: 'det' | 'alr', origin: Origin, detector: string, subject: string): string {
  const { node, boot, timeNs, cpu } = origin;
  const text = JSON.stringify([node, boot, String(timeNs), cpu, detector, subject]);
  return `${prefix}-${hash('sha256', text).slice(0, 20)}`;
}

const rfc3339 = (wallMs: number): string => new Date(wallMs).toISOString();

export function containerFields(container: Container): Record<string, string | number> {
  const { identity } = container;
  return {
    id: container.id,
    name: identity.name,
    pod: identity.pod,
    pod_uid: identity.podUid,
    namespace: identity.namespace,
    workload: identity.workload,
    image: identity.image,
    image_digest: identity.imageDigest,
    cgroup: container.path,
    cgroup_id: container.cgroup,
    runtime: container.runtime,
  };
}

/** The detection as the object of one line of the alert log. */
export function detectionLine(
  detection: Detection,
  where: { node: string; cluster: string },
): Record<string, unknown> {
  const { process, timeNs, quality } = detection;
  return {
    schema: ALERT_LOG_SCHEMA,
    kind: 'detection',
    id: detection.id,
    time: rfc3339(detection.wallMs),
    boot_ns: String(timeNs),
    node: where.node,
    cluster: where.cluster,
    detector: detection.detector,
    severity: detection.severity,
    score: detection.score,
    bits: detection.bits,
    summary: detection.summary,
    techniques: detection.techniques,
    container: containerFields(detection.container),
    process:
      process === null
        ? null
        : {
            pid: process.pid,
            start_ns: String(process.startNs),
            exe: process.exe,
            parent: process.parent,
            parent_pid: process.parentPid,
            uid: process.uid,
          },
    facts: detection.facts,
    alert: detection.alert,
    quality,
  };
}
