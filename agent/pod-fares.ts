/**
 * Restarts, ends for want of memory, back-offs, images that cannot be had and short lives of each workload's containers,
 * by window: judged by a volume of its own and learnt. It stands beside the volume of what containers do, since a
 * container that does not come up does nothing, and has no window.
 *
 * A workload that never was in trouble costs one number: its calm windows. They are learnt when the first trouble comes.
 */
import { judgeFares } from './alerts/fares.ts';
import type { Verdict } from './alerts/judge.ts';
import { FARES_NAMES, type Fares, faresRowOf, isCalm, showFares } from './features/fares-row.ts';
import type { ContainerChange, WaitKind } from './identity/pod-states.ts';
import type { Pod } from './identity/pods.ts';
import { bitsOfScore, Volume } from './models/volume/volume.ts';

/** Workloads' containers; further ones are not judged, and counted. Each in trouble takes some 10 KB, any other 200 bytes. */
const MAX_KNOWN = 1024;
/** Calm windows that are learnt when the first trouble comes: an hour of 5 s, some 10 ms. */
const MAX_CALM = 720;
/** So many are learnt in one step: half a millisecond. */
const CALM_PER_STEP = 32;
/**
 * A workload without pods here keeps what is known of it for so many windows, an hour of 5 s: where the new pod comes only
 * after the old one went, it is the new version's loops that are to be judged. New ones take the place of who went first.
 */
const KEPT_WINDOWS = 720;
/** One window in 256 is told; what is stranger than one in 1024 is learnt one time in ten. As with what containers do. */
const TOLD_BITS = 8;
const GUARD_BITS = 10;
const GUARD_SHARE = 10;
/** An episode grew stranger by so many bits: that is told, too; after so many calm windows it is over. */
const GREW_BITS = 4;
const CALM_WINDOWS = 60;

const CALM: Fares = {
  ...{ starts: 0, memoryEnds: 0, failedEnds: 0 },
  shortestMs: null,
  backOff: 0,
  imageWaits: 0,
};

interface Known {
  readonly podUid: string;
  readonly workload: string;
  readonly container: string;
  /** Of the window that is under way. */
  fares: Fares;
  /** Windows before there was a volume. */
  calm: number;
  volume: Volume | null;
  episode: number;
  quiet: number;
  withheld: number;
  /** Windows since its last pod went. */
  away: number;
}

/** A finding, and where: the container of a pod that changed last. */
export interface FaresFinding {
  readonly verdict: Verdict;
  readonly podUid: string;
  readonly container: string;
}

const nameOf = ({ namespace, workload }: Pod): string => `${namespace}/${workload.kind}/${workload.name}`;

/** What a change says of the window: counts that add up. */
function withChange(fares: Fares, { starts, ended }: ContainerChange): Fares {
  if (starts === 0) return fares;
  const { reason = '', exitCode = 0, lifetimeMs = null } = ended ?? {};
  const shortest = [fares.shortestMs, lifetimeMs].filter((ms) => ms !== null);
  return {
    ...fares,
    starts: fares.starts + starts,
    memoryEnds: fares.memoryEnds + Number(reason === 'OOMKilled'),
    failedEnds: fares.failedEnds + Number(exitCode !== 0 && reason !== 'OOMKilled'),
    shortestMs: shortest.length === 0 ? null : Math.min(...shortest),
  };
}

export class PodFares {
  refused = 0;
  readonly #known = new Map<string, Known>();
  /** Those without pods; who went first is first. */
  readonly #away = new Map<string, Known>();

  get size(): number {
    return this.#known.size + this.#away.size;
  }

  /** Of a whole list of pods: what changed since the one before, and what waits. */
  take(pods: readonly Pod[], changes: readonly ContainerChange[]): void {
    const there = new Map<string, readonly [Pod, string]>();
    for (const pod of pods)
      for (const { name } of pod.containers) there.set(`${nameOf(pod)}/${name}`, [pod, name]);
    // One that never came up is no container yet.
    for (const { pod, container } of changes) there.set(`${nameOf(pod)}/${container}`, [pod, container]);
    for (const [key, known] of this.#known) {
      known.fares = { ...known.fares, backOff: 0, imageWaits: 0 };
      if (!there.has(key)) this.#leave(key, known);
    }
    for (const [key, [pod, container]] of there) if (!this.#known.has(key)) this.#begin(key, pod, container);
    for (const change of changes) this.#change(change);
  }

  /** The end of a window, in steps of less than a millisecond; null: nothing was found in one. */
  *tick(): Generator<FaresFinding | null> {
    this.#forget();
    for (const [key, known] of this.#known) {
      const { fares, podUid, container } = known;
      // Who waits still waits.
      known.fares = { ...CALM, backOff: fares.backOff, imageWaits: fares.imageWaits };
      const verdict = yield* this.#judge(key, known, fares);
      yield verdict === null ? null : { verdict, podUid, container };
    }
  }

  #leave(key: string, known: Known): void {
    this.#known.delete(key);
    this.#away.set(key, { ...known, fares: CALM, away: 0 });
  }

  #forget(): void {
    for (const [key, known] of this.#away) {
      known.away += 1;
      if (known.away > KEPT_WINDOWS) this.#away.delete(key);
    }
  }

  #begin(key: string, pod: Pod, container: string): void {
    const before = this.#away.get(key);
    if (before !== undefined) {
      this.#away.delete(key);
      this.#known.set(key, { ...before, podUid: pod.uid });
      return;
    }
    if (this.#known.size >= MAX_KNOWN) {
      this.refused += 1;
      return;
    }
    const [first] = this.#away.keys();
    if (this.size >= MAX_KNOWN && first !== undefined) this.#away.delete(first);
    const counts = { calm: 0, volume: null, episode: 0, quiet: 0, withheld: 0, away: 0 };
    this.#known.set(key, { podUid: pod.uid, workload: key, container, fares: CALM, ...counts });
  }

  #change(change: ContainerChange): void {
    const key = `${nameOf(change.pod)}/${change.container}`;
    const known = this.#known.get(key);
    if (known === undefined) return;
    const waits = (kind: WaitKind): number => Number(change.waits === kind);
    const fares = withChange(known.fares, change);
    this.#known.set(key, {
      ...known,
      podUid: change.pod.uid,
      fares: {
        ...fares,
        backOff: fares.backOff + waits('back-off'),
        imageWaits: fares.imageWaits + waits('image'),
      },
    });
  }

  *#judge(workload: string, known: Known, fares: Fares): Generator<null, Verdict | null> {
    if (known.volume === null) {
      if (isCalm(fares)) {
        known.calm = Math.min(MAX_CALM, known.calm + 1);
        return null;
      }
      known.volume = new Volume({ features: FARES_NAMES, show: showFares });
      yield* learnCalm(known.volume, known.calm);
    }
    const { volume } = known;
    const row = faresRowOf(fares);
    const score = volume.score(row);
    const bits = score.state === 'unknown' ? 0 : bitsOfScore(score.score);
    const told = isCalm(fares) ? false : isNews(known, bits);
    follow(known, bits);
    if (bits < GUARD_BITS || ++known.withheld % GUARD_SHARE === 0) volume.learn(row);
    if (!told || score.state === 'unknown') return null;
    const parts = score.parts.map(({ what }) => what);
    return judgeFares({
      bits,
      score: score.score,
      reason: score.reason,
      parts,
      workload,
      learnt: volume.learnt,
    });
  }
}

function* learnCalm(volume: Volume, windows: number): Generator<null> {
  const row = faresRowOf(CALM);
  for (let n = 1; n <= windows; n++) {
    volume.learn(row);
    if (n % CALM_PER_STEP === 0) yield null;
  }
}

const isNews = ({ episode }: Known, bits: number): boolean =>
  bits >= TOLD_BITS && (episode === 0 || bits >= episode + GREW_BITS);

function follow(known: Known, bits: number): void {
  if (bits >= TOLD_BITS) {
    known.episode = Math.max(known.episode, bits);
    known.quiet = 0;
  } else if (known.episode > 0) {
    known.quiet += 1;
    if (known.quiet >= CALM_WINDOWS) known.episode = 0;
  }
}
