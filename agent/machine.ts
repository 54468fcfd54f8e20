/** This machine as the source of frames: the kernel's probes, its cgroups, the pods of the node. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hook, NativeAddon, Probe, ProbeCounters } from '../native/index.ts';
import type { Context } from './context.ts';
import type { Opening } from './opening.ts';
import type { Profile } from './profile/profiles.ts';
import { findHierarchies } from './resources/hierarchies.ts';
import { type ResourceCounts, ResourceReader, type Subject } from './resources/reader.ts';
import type { CgroupTree } from './source/cgroups.ts';
import { LiveSource } from './source/live.ts';
import { PodsReader, type PodsSource } from './source/pods.ts';
import type { FrameQueue } from './source/queue.ts';

/** By then the first windows have ended and the first summaries are with central. */
const SETTLED_MS = 12_000;

export class Machine {
  pods: PodsSource | null = null;
  private readonly context: Context;
  private readonly queue: FrameQueue;
  /** Whose resources are read. */
  private readonly subjects: () => readonly Subject[];
  private reader: ResourceReader | null = null;
  private probe: Probe | null = null;
  private source: LiveSource | null = null;

  constructor(context: Context, queue: FrameQueue, subjects: () => readonly Subject[]) {
    this.context = context;
    this.queue = queue;
    this.subjects = subjects;
  }

  /** Why its own activity is not left out, or null. */
  ownNumberProblem: string | null = null;

  get hooks(): readonly Hook[] {
    return this.probe?.hooks ?? [];
  }

  /** Null without a probe: also after the end, when what it had is gone with the agent. */
  counters(): ProbeCounters | null {
    return this.context.lifetime.signal.aborted ? null : (this.probe?.counters() ?? null);
  }

  /** Kernel memory by what it grows with; empty without a probe. */
  maps(): Readonly<Record<string, number>> {
    return this.context.lifetime.signal.aborted ? {} : (this.probe?.maps() ?? {});
  }

  /** See LiveSource. */
  get unplaced(): number {
    return this.source?.unplaced ?? 0;
  }

  get resourceCounts(): ResourceCounts {
    return this.reader?.counts ?? { readings: 0, readMs: 0, openFiles: 0, missing: {} };
  }

  lookup(cgroup: number): void {
    this.source?.lookup(cgroup);
  }

  /** What a slot is to know; nothing in a replay. */
  profile(profile: Profile): void {
    this.source?.profile(profile);
  }

  /** @throws when the kernel refuses the probes. */
  async start(opening: Opening): Promise<void> {
    const { clock, settings, lifetime, log } = this.context;
    const { addon, cgroups, hurry, numberRefusal } = opening;
    if (hurry !== null) log.warn({ err: hurry }, 'alerts may wait for busy containers');
    if (numberRefusal !== null) {
      this.ownNumberProblem = `picket's own activity is recorded and counted, as its number is not known: ${numberRefusal}`;
      log.warn(this.ownNumberProblem);
    }
    const probe = await opening.probe;
    this.probe = probe;
    lifetime.atEnd(() => this.queue.flush());
    lifetime.atEnd(() => probe.close());
    const reader = this.startReader(cgroups);
    const source = new LiveSource({
      probe,
      clock,
      cgroupRoot: cgroups.root,
      windowMs: settings.window,
      emit: (frame) => this.queue.push(frame),
      overflow: () => this.queue.lostRecords,
      resources: () => reader.read(),
      onError: lifetime.onError,
    });
    this.source = source;
    opening.take((records) => source.records(records));
    await this.startPods();
    source.start();
    this.queue.flush();
    lifetime.atEnd(() => source.stop());
    this.settle(addon);
  }

  /** After the first windows and the first upload: what only a start needs is given back. */
  private settle(addon: NativeAddon): void {
    const { lifetime, log } = this.context;
    const timer = setTimeout(() => {
      log.info({ bytes: addon.releaseMemory() }, 'gave back pages that only the start needed');
    }, SETTLED_MS);
    timer.unref();
    lifetime.atEnd(() => clearTimeout(timer));
  }

  private startReader({ version, root }: CgroupTree): ResourceReader {
    const mounts = readFileSync('/proc/self/mounts', 'utf8');
    const hierarchies = findHierarchies(mounts, version === 2 ? root : undefined);
    const reader = new ResourceReader(hierarchies, this.subjects);
    this.reader = reader;
    this.context.lifetime.atEnd(() => reader.close());
    return reader;
  }

  private async startPods(): Promise<void> {
    const pods = await this.makePods();
    if (pods === null) return;
    this.pods = pods;
    this.context.lifetime.atEnd(() => pods.stop());
    await pods.start();
  }

  /** A list that is named goes before the watch. */
  private async makePods(): Promise<PodsSource | null> {
    const { settings, log, node, version, kubernetes, folder } = this.context;
    const emit = (list: string): void => this.queue.push({ kind: 'pods', list });
    const onError = (error: unknown): void => log.warn({ err: error }, 'the pod list could not be read');
    if (settings.pods !== '')
      return new PodsReader({
        from: settings.pods,
        intervalMs: settings['pods-interval'],
        emit,
        onError,
      });
    if (kubernetes === null) return null;
    // Loaded where it is wanted: on a machine without Kubernetes it is memory for nothing.
    const { KubePods } = await import('./source/kube-pods.ts');
    const onAgain = (awayMs: number): void =>
      log.info(
        { awayS: Math.round(awayMs / 1000) },
        'the API server is back, and its pods are known as they are',
      );
    const keptIn = join(folder, 'pods.json');
    return new KubePods({ kubernetes, node, version, emit, onError, onAgain, keptIn });
  }
}
