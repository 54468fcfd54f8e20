/** Numbers of a window of which there can be too much in one go: how each is read, and what of it is nothing by itself. */
import { CALL_CLASSES } from './call-classes.ts';
import { shortCount } from './shape-row.ts';
import type { Window } from './window.ts';

export interface SurgeChannel {
  /** In words, and in the catalogue. */
  readonly name: string;
  readonly feature: string;
  /** So much is nothing by itself, whoever does it: ours, not learnt. */
  readonly material: number;
  /** An amount as people read it. */
  readonly show: (amount: number) => string;
}

interface Counted extends SurgeChannel {
  /** In the window; null: not known. */
  readonly of: (window: Window) => number | null;
}

const MB = 1e6;
const CHANGE = CALL_CLASSES.indexOf('change');
const bytes = (amount: number): string => `${shortCount(amount, 'B')}`;
const times = (amount: number): string => shortCount(amount, '');

const COUNTED: readonly Counted[] = [
  {
    name: 'CPU time used',
    feature: 'cpuUs',
    material: 1,
    show: (amount) => `${Number(amount.toPrecision(2))} s`,
    of: ({ resources }) => ((resources?.cpuUs ?? null) === null ? null : (resources?.cpuUs ?? 0) / 1e6),
  },
  {
    name: 'bytes sent',
    feature: 'bytesOut',
    material: MB / 4,
    show: bytes,
    of: ({ counts }) => counts.bytesOut,
  },
  {
    name: 'bytes received',
    feature: 'bytesIn',
    material: 4 * MB,
    show: bytes,
    of: ({ counts }) => counts.bytesIn,
  },
  {
    name: 'bytes written to devices',
    feature: 'writeBytes',
    material: 16 * MB,
    show: bytes,
    of: ({ resources }) => resources?.writeBytes ?? null,
  },
  {
    name: 'bytes read from devices',
    feature: 'readBytes',
    material: 16 * MB,
    show: bytes,
    of: ({ resources }) => resources?.readBytes ?? null,
  },
  { name: 'processes made', feature: 'forks', material: 32, show: times, of: ({ counts }) => counts.forks },
  {
    name: 'connections made',
    feature: 'connects',
    material: 32,
    show: times,
    of: ({ counts }) => counts.connects,
  },
  {
    name: 'calls that change files',
    feature: 'calls/change',
    material: 100,
    show: times,
    of: ({ classes }) => classes[CHANGE] ?? 0,
  },
];

export const SURGE_CHANNELS: readonly SurgeChannel[] = COUNTED;
/** What is sent to each peer. */
export const SENT_TO_PEER: SurgeChannel = {
  name: 'bytes sent to',
  feature: 'peerBytesOut',
  material: MB / 4,
  show: bytes,
};

/** Of SURGE_CHANNELS, per second; NaN: not known. */
export function surgeRates(window: Window): Map<string, number> {
  const seconds = Math.max(1e-3, Number(window.endNs - window.startNs) / 1e9);
  return new Map(COUNTED.map(({ name, of }) => [name, (of(window) ?? Number.NaN) / seconds]));
}
