/** How the containers of a workload fared in a window, as the kubelet says, as numbers: a row that its volume is judged by. */
import { FARES_FEATURES } from './catalogue.ts';
import { showFeature } from './shape-row.ts';

export interface Fares {
  /** Times that one was started anew, and how runs ended. */
  readonly starts: number;
  readonly memoryEnds: number;
  readonly failedEnds: number;
  /** Of the run that lasted shortest of those that ended, ms; null: none ended. */
  readonly shortestMs: number | null;
  /** Containers that wait, at the end. */
  readonly backOff: number;
  readonly imageWaits: number;
}

export const FARES_NAMES: readonly string[] = FARES_FEATURES.map(({ name }) => name);

/** In the order of FARES_FEATURES; logarithms of one more. */
export function faresRowOf(fares: Fares): Float64Array {
  const { starts, memoryEnds, failedEnds, backOff, imageWaits, shortestMs } = fares;
  const counts = [starts, memoryEnds, failedEnds, backOff, imageWaits].map(Math.log1p);
  return Float64Array.from([...counts, shortestMs === null ? Number.NaN : Math.log1p(shortestMs / 1000)]);
}

export const isCalm = ({ starts, memoryEnds, failedEnds, backOff, imageWaits }: Fares): boolean =>
  starts + memoryEnds + failedEnds + backOff + imageWaits === 0;

/** A value of a row as people read it. */
export function showFares(name: string, value: number): string {
  if (!FARES_NAMES.includes(name)) return showFeature(name, value);
  const count = Math.max(0, Math.expm1(value));
  return name === 'podShortestRun' ? `${count.toFixed(0)} s` : `${Math.round(count)}`;
}
