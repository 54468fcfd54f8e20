/** A range's recording through the pipeline of now, faster than it was recorded, whole or with something taken away. */
import { alertLine } from '../../../agent/alerts/alert.ts';
import { detectionLine } from '../../../agent/alerts/detection.ts';
import type { Frame, Tick } from '../../../agent/events/frame.ts';
import { openRecording } from '../../../agent/events/recording.ts';
import { ourRules } from '../../../agent/rules/ours.ts';
import type { Sink } from '../../../agent/sink.ts';
import { CgroupFilter } from '../../record-filter.ts';
import { type Overrides, pipelineOf } from '../../recording.ts';
import { costsOf, type DetectorCosts } from './costs.ts';
import { Dropper } from './drop.ts';
import { Restarts } from './restart.ts';
import type { Told } from './score.ts';
import { toldOf } from './told.ts';

export interface ReplayOptions {
  readonly overrides: Overrides;
  /** Cgroup of the range; empty: all that was recorded. */
  readonly below: string;
  /** Unix time before which nothing was seen but who is there; 0: all of it. */
  readonly from: number;
  /** Share of records that are lost, 0 to 1, and the seed of which. */
  readonly drop: number;
  readonly seed: number;
  /** Detectors on which no alert stands; null: those of the recording's settings. */
  readonly onTrial: ((detector: string) => boolean) | null;
  /** Unix time from which on every container is said to be of another image; null: never. */
  readonly imagesFrom: number | null;
  /** Unix time at which every container is restarted; null: never. */
  readonly restartAt: number | null;
}

export interface Replayed {
  readonly told: readonly Told[];
  /** Of each detector. */
  readonly costs: DetectorCosts;
  /** CPU time of it all, s, and the time that was recorded, s. */
  readonly cpuSeconds: number;
  readonly seconds: number;
  /** Why the recording ends early, or null. */
  readonly problem: string | null;
}

/** The tick's own wall clock, s; null for other frames. */
const tickTime = (frame: Frame): number | null => (frame.kind === 'tick' ? frame.tick.wallMs / 1000 : null);

/** What remains of a frame from before the agent is said to have begun: cgroups and pods, which it would find. */
const isKnownLater = (frame: Frame): boolean => frame.kind === 'cgroups' || frame.kind === 'pods';

/** The same pods, each of whose images has another digest. */
const withOtherImages = (list: string): string =>
  list.replace(/sha256:([0-9a-f]{63})([0-9a-f])/g, (_, first, rest) => `sha256:${rest}${first}`);

/** What becomes of the node while it is replayed: other images, containers that are restarted. */
class Fate {
  readonly #imagesFrom: number;
  readonly #restartAt: number;
  readonly #restarts: Restarts | null;
  /** Of the pods there are, with their images. */
  #list: string | null = null;
  #others = false;
  #restarted = false;

  constructor({ imagesFrom, restartAt }: Pick<ReplayOptions, 'imagesFrom' | 'restartAt'>) {
    this.#imagesFrom = imagesFrom ?? Number.POSITIVE_INFINITY;
    this.#restartAt = restartAt ?? Number.POSITIVE_INFINITY;
    this.#restarts = restartAt === null ? null : new Restarts();
  }

  /** The frame, and what follows it. */
  frames(frame: Frame): Frame[] {
    let seen = frame;
    if (frame.kind === 'pods') {
      this.#list = this.#others ? withOtherImages(frame.list) : frame.list;
      seen = { kind: 'pods', list: this.#list };
    }
    const now = this.#restarts?.frame(seen) ?? seen;
    return frame.kind === 'tick' ? [now, ...this.#after(frame.tick)] : [now];
  }

  idBefore(id: string): string {
    return this.#restarts?.idBefore(id) ?? id;
  }

  #after({ wallMs, bootNs }: Tick): Frame[] {
    const [others, restart] = [!this.#others && wallMs >= this.#imagesFrom * 1000, this.#isDue(wallMs)];
    if (others && this.#list !== null) this.#list = withOtherImages(this.#list);
    this.#others ||= others;
    this.#restarted ||= restart;
    if (restart) return this.#restarts?.restart(bootNs, this.#list) ?? [];
    if (!others || this.#list === null) return [];
    const list: Frame = { kind: 'pods', list: this.#list };
    return [this.#restarts?.frame(list) ?? list];
  }

  #isDue(wallMs: number): boolean {
    return !this.#restarted && wallMs >= this.#restartAt * 1000;
  }
}

class Ear implements Sink {
  readonly told: Told[] = [];
  /** Of the tick that is being handled, s; null between ticks. */
  now: number | null = null;
  readonly #where: { readonly node: string; readonly cluster: string };
  readonly #onTrial: ReplayOptions['onTrial'];

  constructor(where: { readonly node: string; readonly cluster: string }, onTrial: ReplayOptions['onTrial']) {
    this.#where = where;
    this.#onTrial = onTrial;
  }

  detection(detection: Parameters<Sink['detection']>[0]): void {
    if (this.#onTrial?.(detection.detector) !== true) this.#hear(detectionLine(detection, this.#where));
  }

  alert(alert: Parameters<Sink['alert']>[0]): void {
    this.#hear(alertLine(alert, this.#where));
  }

  window(): void {}
  session(): void {}
  newContainer(): void {}
  goneContainer(): void {}
  canary(): void {}
  profile(): void {}
  train(): void {}
  lookupCgroup(): void {}

  #hear(line: Record<string, unknown>): void {
    this.told.push(toldOf(line, this.now ?? undefined));
  }
}

export async function replayRange(path: string, options: ReplayOptions): Promise<Replayed> {
  const recording = await openRecording(path);
  const { start } = recording;
  const ear = new Ear(start, options.onTrial);
  const pipeline = pipelineOf(start, options.overrides, ear, ourRules(), options.onTrial);
  const filter = options.below === '' ? null : new CgroupFilter(options.below);
  const dropper = options.drop > 0 ? new Dropper(options.drop, options.seed) : null;
  const fate = new Fate(options);
  const [before, startedAt] = [process.cpuUsage(), performance.now()];
  const span = { first: 0, last: 0 };
  let begun = options.from === 0;
  for await (const frame of recording.frames()) {
    if (frame.kind === 'start') continue;
    const time = tickTime(frame);
    if (time !== null) {
      span.first ||= time;
      span.last = time;
    }
    const lossy = dropper === null ? frame : dropper.drop(frame);
    const below = filter === null ? lossy : filter.filter(lossy);
    if (below === null) continue;
    const wasBegun = begun;
    begun ||= time !== null && time >= options.from;
    const due = fate.frames(below);
    if (!wasBegun && !isKnownLater(below)) continue;
    ear.now = time;
    for (const each of due) pipeline.frame(each);
    ear.now = null;
  }
  ear.now = span.last;
  pipeline.end();
  const { user, system } = process.cpuUsage(before);
  const [cpuSeconds, elapsed] = [(user + system) / 1e6, (performance.now() - startedAt) / 1000];
  return {
    told: ear.told.map((one) => ({ ...one, container: fate.idBefore(one.container) })),
    costs: costsOf(pipeline, Math.min(1, cpuSeconds / elapsed)),
    cpuSeconds,
    seconds: span.last - span.first,
    problem: recording.problem(),
  };
}
