/** The numbers of a window by which its volume is judged: those of shape-row.ts, whom it spoke to, and how long it was quiet. */
import { PEER_FEATURES } from './catalogue.ts';
import type { Fact } from './fact.ts';
import type { PeerWindow } from './peers.ts';
import { ROW_FEATURES, rowOf, showFeature } from './shape-row.ts';
import type { Window } from './window.ts';

export const VOLUME_FEATURES: readonly string[] = [...ROW_FEATURES, ...PEER_FEATURES.map(({ name }) => name)];
const OF_TIME = 'quietFor';
const NOT_RATES: ReadonlySet<string> = new Set(['peers', 'rarePeers', OF_TIME]);
/** Fewer calls per second than this are quiet: a process that waits wakes now and then. */
const QUIET_CALLS = 1;

/** Whether nothing was asked of it and it did next to nothing. */
export function isQuiet({ counts, startNs, endNs }: Window): boolean {
  const seconds = Math.max(1e-3, Number(endNs - startNs) / 1e9);
  return counts.syscalls < QUIET_CALLS * seconds && counts.bytesIn + counts.bytesOut === 0;
}

export interface VolumeRowInput {
  readonly window: Window;
  readonly peers: PeerWindow;
  /** Of the windows before and this one, as long as they were quiet. */
  readonly quietNs: bigint;
  /** Whether the peer is one that few periods had. */
  readonly isRare: (fact: Fact) => boolean;
}

/** In the order of VOLUME_FEATURES; logarithms of one more, rates per second. */
export function volumeRowOf({ window, peers, quietNs, isRare }: VolumeRowInput): Float64Array {
  const seconds = Math.max(1e-3, Number(window.endNs - window.startNs) / 1e9);
  let [most, rareBytes, rarePeers] = [0, 0, 0];
  for (const { fact, bytesOut } of peers.all()) {
    most = Math.max(most, bytesOut);
    if (!isRare(fact)) continue;
    rareBytes += bytesOut;
    rarePeers += 1;
  }
  const values: Record<string, number> = {
    peers: peers.count,
    peerBytesOut: most / seconds,
    rarePeers,
    rareBytesOut: rareBytes / seconds,
    quietFor: Number(quietNs) / 1e9,
  };
  const row = new Float64Array(VOLUME_FEATURES.length);
  row.set(rowOf(window));
  for (const [i, { name }] of PEER_FEATURES.entries())
    row[ROW_FEATURES.length + i] = Math.log1p(values[name] ?? 0);
  return row;
}

/** A value of a row as people read it. */
export function showVolume(name: string, value: number): string {
  if (!NOT_RATES.has(name)) return showFeature(name, value);
  const count = Math.max(0, Math.expm1(value));
  return name === OF_TIME ? `${Math.round(count)} s` : `${Math.round(count)}`;
}
