/** A small node on paper: containers that act, a clock, the pipeline, and everything it told. */

import { createHash } from 'node:crypto';
import type { Alert } from '../../agent/alerts/alert.ts';
import type { Canary } from '../../agent/alerts/canary.ts';
import type { Detection } from '../../agent/alerts/detection.ts';
import type { Frame, SlotTick } from '../../agent/events/frame.ts';
import { LAYOUT } from '../../agent/events/layout.ts';
import type { Container } from '../../agent/identity/container.ts';
import { budgetNs } from '../../agent/models/evidence/budget.ts';
import type { TrainingRequest } from '../../agent/models/shape/training.ts';
import { type ContainerWindow, Pipeline, type PipelineOptions } from '../../agent/pipeline.ts';
import type { Profile } from '../../agent/profile/profiles.ts';
import { ourRules } from '../../agent/rules/ours.ts';
import type { SessionStart } from '../../agent/situation/session-start.ts';
import { type ExecFields, execRecord, type FlowFields, flowRecord, openRecord, SECOND } from './records.ts';

export const ID = (digit: string): string => digit.repeat(64);
export const UID = (digit: string): string =>
  [8, 4, 4, 4, 12].map((length) => digit.repeat(length)).join('-');

export interface Told {
  readonly detections: Detection[];
  readonly alerts: Alert[];
  readonly windows: ContainerWindow[];
  readonly fresh: Container[];
  readonly gone: Container[];
  readonly canaries: Canary[];
  readonly lookups: number[];
  readonly profiles: Profile[];
  readonly training: TrainingRequest[];
  readonly sessions: SessionStart[];
}

export const START = { bootNs: 1000n * SECOND, wallMs: 1_700_000_000_000 };

export const SETTINGS: PipelineOptions['settings'] = {
  learnWindows: 6,
  matureWindows: 20,
  minScore: 0.5,
  shadow: new Set(),
  groupForMs: 300_000,
  budgetNs: budgetNs('1/7d'),
};

/** A pipeline whose sink keeps everything. */
export function makePipeline(options: Partial<PipelineOptions> = {}): { pipeline: Pipeline; told: Told } {
  const told: Told = {
    detections: [],
    alerts: [],
    windows: [],
    fresh: [],
    gone: [],
    canaries: [],
    lookups: [],
    profiles: [],
    training: [],
    sessions: [],
  };
  const pipeline = new Pipeline({
    cluster: 'c1',
    node: 'n1',
    boot: 'b1',
    ...START,
    settings: SETTINGS,
    architecture: 'x64',
    podsExpected: true,
    rules: ourRules(),
    ...options,
    sink: {
      detection: (d) => told.detections.push(d),
      alert: (a) => told.alerts.push(a),
      window: (w) => told.windows.push(w),
      newContainer: (c) => told.fresh.push(c),
      goneContainer: (c) => told.gone.push(c),
      canary: (c) => told.canaries.push(c),
      lookupCgroup: (id) => told.lookups.push(id),
      profile: (profile) => told.profiles.push(profile),
      train: (request) => told.training.push(request),
      session: (session) => told.sessions.push(session),
      ...options.sink,
    },
  });
  return { pipeline, told };
}

export interface PodOptions {
  name: string;
  namespace?: string;
  uid: string;
  owner?: { kind: string; name: string };
  hash?: string;
  ip?: string;
  /** `image`: its name, of a digest of its own; absent: that of the container, of one that all share. */
  containers: readonly { name: string; id: string; image?: string }[];
}

const digestOf = (image: string | undefined): string =>
  image === undefined ? 'd'.repeat(64) : createHash('sha256').update(image).digest('hex');

/** A PodList with the fields that identity reads. */
export function podList(pods: readonly PodOptions[]): string {
  return JSON.stringify({
    kind: 'PodList',
    items: pods.map((pod) => ({
      metadata: {
        name: pod.name,
        namespace: pod.namespace ?? 'shop',
        uid: pod.uid,
        labels: pod.hash === undefined ? {} : { 'pod-template-hash': pod.hash },
        ownerReferences: pod.owner === undefined ? [] : [{ ...pod.owner, controller: true }],
      },
      spec: { nodeName: 'n1' },
      status: {
        podIPs: pod.ip === undefined ? [] : [{ ip: pod.ip }],
        containerStatuses: pod.containers.map(({ name, id, image }) => ({
          name,
          image: `registry.example/${image ?? name}:1`,
          imageID: `registry.example/${image ?? name}@sha256:${digestOf(image)}`,
          containerID: `containerd://${id}`,
        })),
      },
    })),
  });
}

/** The cgroup path that containerd's CRI plugin gives a container, systemd driver. */
export const cgroupPath = (uid: string, id: string): string =>
  `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`;

/** Frames in the order of a recording, with a clock that moves by itself between two of them. */
export class World {
  readonly frames: Frame[] = [];
  /** CLOCK_BOOTTIME, ns. */
  now = START.bootNs;
  readonly #slots = new Map<number, number>();

  /** Cgroups that were there before, with their slots. */
  found(containers: readonly { cgroup: number; slot: number; path: string }[]): void {
    for (const { cgroup, slot } of containers) this.#slots.set(slot, cgroup);
    this.frames.push({
      kind: 'cgroups',
      found: containers.map(({ cgroup, path }) => ({ id: cgroup, path })),
    });
  }

  /** A slot that a record already gave. */
  slot(slot: number, cgroup: number): void {
    this.#slots.set(slot, cgroup);
  }

  /** Its container is gone. */
  gone(slot: number): void {
    this.#slots.delete(slot);
  }

  pods(pods: readonly PodOptions[]): void {
    this.frames.push({ kind: 'pods', list: podList(pods) });
  }

  records(...records: Buffer[]): void {
    this.frames.push({ kind: 'records', bytes: Buffer.concat(records) });
  }

  /** A little later. */
  later(ms = 10): bigint {
    this.now += BigInt(ms) * 1_000_000n;
    return this.now;
  }

  exec(fields: ExecFields): void {
    this.records(
      execRecord({ time: this.later(), cgroup: this.#slots.get(fields.slot ?? 2) ?? 0, ...fields }),
    );
  }

  open(fields: Parameters<typeof openRecord>[0]): void {
    this.records(
      openRecord({ time: this.later(), cgroup: this.#slots.get(fields.slot ?? 2) ?? 0, ...fields }),
    );
  }

  flow(fields: FlowFields): void {
    this.records(
      flowRecord({ time: this.later(), cgroup: this.#slots.get(fields.slot ?? 2) ?? 0, ...fields }),
    );
  }

  /** Ends the window five seconds after it began. Every slot is in it, with the calls given for it. */
  tick(
    options: {
      calls?: Readonly<Record<number, readonly number[]>>;
      /** By slot: records lost because the urgent ring was full, or by reason. */
      lost?: Readonly<Record<number, number | Readonly<Record<string, number>>>>;
      pairs?: Readonly<Record<number, readonly number[]>>;
      /** By slot: numbers of calls through the 32-bit entry. */
      compat?: Readonly<Record<number, readonly number[]>>;
      queueFull?: number;
      /** Times that a container found no free slot, in all so far. */
      noSlot?: number;
      flows?: Buffer;
    } = {},
  ): void {
    const windows = (this.now - START.bootNs) / (5n * SECOND) + 1n;
    this.now = START.bootNs + windows * 5n * SECOND;
    const slots: SlotTick[] = [[1, 1] as const, ...this.#slots].map(([slot, cgroup]) => {
      const numbers = options.calls?.[slot] ?? [0, 1];
      const given = options.lost?.[slot] ?? {};
      const losses = typeof given === 'number' ? { 'urgent-full': given } : given;
      const lost = Object.values(losses).reduce((sum, count) => sum + count, 0);
      const counts = numbers.map(() => 10);
      const pairs = options.pairs?.[slot] ?? [];
      const compatNumbers = options.compat?.[slot] ?? [];
      const compat = { compatNumbers, compatCounts: compatNumbers.map(() => 3) };
      return { slot, cgroup, numbers, counts, ...compat, forks: 0, execs: 0, exits: 0, lost, losses, pairs };
    });
    if (options.noSlot !== undefined) this.#totals['no-slot'] = options.noSlot;
    const lost = { 'queue-full': options.queueFull ?? 0, ...this.#lost(slots) };
    const wallMs = START.wallMs + Number((this.now - START.bootNs) / 1_000_000n);
    const flows = options.flows ?? Buffer.alloc(0);
    const flowSize = LAYOUT['sizeof flow_entry'];
    this.frames.push({ kind: 'tick', tick: { bootNs: this.now, wallMs, slots, flows, flowSize, lost } });
  }

  readonly #totals: Record<string, number> = {};
  /** What the slots lost so far, as the kernel side counts it: without kinds. */
  #lost(slots: readonly SlotTick[]): Record<string, number> {
    for (const { losses } of slots)
      for (const [name, count] of Object.entries(losses)) {
        const [reason = name] = name.split('/');
        this.#totals[reason] = (this.#totals[reason] ?? 0) + count;
      }
    return { ...this.#totals };
  }
}

/** Runs all frames through a new pipeline. */
export function run(
  world: World,
  options: Partial<PipelineOptions> = {},
): { pipeline: Pipeline; told: Told } {
  const made = makePipeline(options);
  for (const frame of world.frames) made.pipeline.frame(frame);
  return made;
}
