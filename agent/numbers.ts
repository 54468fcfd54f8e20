/**
 * The numbers of a container's windows: judged by its workload's volume, and learnt when the window was clean; and the
 * rhythm of its calls to peers that are not usual here.
 *
 * Windows that follow each other are not independent: a container that is busier is so for minutes. So an episode is
 * evidence once, by its strangest window, and told once. What is strange is learnt one time in ten, so that a workload
 * that changed for good is known after some minutes and one that was busy for a minute teaches nothing.
 */
import type { Verdict } from './alerts/judge.ts';
import { judgeRhythm, judgeVolume, VOLUME } from './alerts/volume.ts';
import type { Flow } from './events/event.ts';
import type { Fact } from './features/fact.ts';
import { PeerWindow } from './features/peers.ts';
import { isQuiet, volumeRowOf } from './features/volume-row.ts';
import type { Window } from './features/window.ts';
import type { Baseline } from './models/baseline.ts';
import type { Scored } from './models/detector.ts';
import { Rhythm } from './models/volume/rhythm.ts';
import { bitsOfScore } from './models/volume/volume.ts';
import type { Judging, WindowDetector } from './window-detector.ts';

/** Periods in which a peer must have been seen to be usual. */
const USUAL = 2;
/** One window in 256: from there on it is told and is evidence; what has GUARD_BITS is learnt one time in GUARD_SHARE. */
const TOLD_BITS = 8;
const GUARD_BITS = 10;
const GUARD_SHARE = 10;
/** An episode grew stranger by so many bits: that is told, too. */
const GREW_BITS = 4;
/** Calm windows after which an episode is over. */
const CALM_WINDOWS = 6;
/** Shorter ones have no rates. */
const SHORTEST_NS = 1_000_000_000n;

/** What is kept per container. */
export class Numbers implements WindowDetector {
  /** With the rhythm of calls, which it looks at in the same flows. */
  readonly name = VOLUME;
  #peers = new PeerWindow();
  readonly #rhythm = new Rhythm();
  /** Peer → bits told; again at twice as many. */
  #rhythmTold = new Map<string, number>();
  #quietSince: bigint | null = null;
  #row: Float64Array | null = null;
  bits: number | null = null;
  /** Bits of the open episode, 0: none; and calm windows since. */
  #episode = 0;
  #calm = 0;
  #withheld = 0;

  flow(flow: Flow, fact: Fact, baseline: Baseline): void {
    this.#peers.add(flow, fact);
    if (flow.direction === 'connect' && flow.attempts > 0 && isRare(baseline, fact))
      this.#rhythm.call(fact.value, Number(flow.last) / 1e9);
  }

  end(window: Window, { baseline, steps, host }: Judging): Verdict[] {
    const peers = this.#peers;
    this.#peers = new PeerWindow();
    if (host || window.endNs - window.startNs < SHORTEST_NS) return [];
    if (!isQuiet(window)) this.#quietSince = null;
    else this.#quietSince ??= window.startNs;
    const quietNs = this.#quietSince === null ? 0n : window.endNs - this.#quietSince;
    this.#row = volumeRowOf({ window, peers, quietNs, isRare: (fact) => isRare(baseline, fact) });
    const score = baseline.volume.score(this.#row);
    const volume = score.state === 'unknown' ? [] : this.#volume(score, baseline, steps);
    return [...volume, ...this.#rhythms(peers, baseline, steps)];
  }

  settle(baseline: Baseline, clean: boolean): null {
    const [row, bits] = [this.#row, this.bits ?? 0];
    // A start that was not looked at is no part of the window after it.
    this.#peers = new PeerWindow();
    this.#row = null;
    this.bits = null;
    if (!clean || row === null || baseline.pinned) return null;
    if (bits >= GUARD_BITS) {
      this.#withheld += 1;
      if (this.#withheld % GUARD_SHARE !== 0) return null;
    }
    baseline.volume.learn(row);
    return null;
  }

  #volume({ score, reason, parts }: Scored, baseline: Baseline, steps: number): Verdict[] {
    const bits = bitsOfScore(score);
    this.bits = bits;
    const known = this.#episode;
    this.#follow(bits);
    if (bits < TOLD_BITS || (known > 0 && bits < known + GREW_BITS)) return [];
    const { workload, volume } = baseline;
    const named = parts.map(({ what }) => what);
    const found = { bits, score, reason, parts: named, workload, learnt: volume.learnt, steps };
    return [judgeVolume(found)];
  }

  #follow(bits: number): void {
    if (bits >= TOLD_BITS) {
      this.#episode = Math.max(this.#episode, bits);
      this.#calm = 0;
    } else if (this.#episode > 0) {
      this.#calm += 1;
      if (this.#calm >= CALM_WINDOWS) this.#episode = 0;
    }
  }

  #rhythms(peers: PeerWindow, baseline: Baseline, steps: number): Verdict[] {
    if (!baseline.judges('connect', 'steady')) return [];
    const found: Verdict[] = [];
    for (const { fact, attempts } of peers.all()) {
      const rhythm = attempts === 0 || !isRare(baseline, fact) ? null : this.#rhythm.score(fact.value);
      if (rhythm === null || rhythm.bits < TOLD_BITS) continue;
      const told = this.#rhythmTold.get(fact.value) ?? 0;
      if (rhythm.bits < 2 * told) continue;
      if (this.#rhythmTold.size >= this.#rhythm.size) this.#rhythmTold = new Map();
      this.#rhythmTold.set(fact.value, rhythm.bits);
      const { workload } = baseline;
      found.push(judgeRhythm({ ...rhythm, peer: fact.value, workload, steps }));
    }
    return found;
  }
}

const isRare = (baseline: Baseline, fact: Fact): boolean => baseline.seen(fact) < USUAL;
