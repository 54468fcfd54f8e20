/** The numbers of a window as one row, for models that look at how they go together. */
import type { ResourceName } from '../events/resources.ts';
import { CALL_CLASSES } from './call-classes.ts';
import { COUNT_FEATURES } from './catalogue.ts';
import type { Window, WindowCounts } from './window.ts';

/** Means and shares, which a longer window does not raise. */
const MEANS: ReadonlySet<string> = new Set([
  'dnsLabelLength',
  'dnsLabelEntropy',
  'dnsTextShare',
  'dnsMissingShare',
]);
const COUNTS = COUNT_FEATURES.map(({ name }) => ({
  name: name as keyof WindowCounts,
  isMean: MEANS.has(name),
}));
/** Those that tell of the window itself and are read in each. */
const RESOURCES: readonly ResourceName[] = ['cpuUs', 'readBytes', 'writeBytes', 'memoryBytes', 'pids'];

/** Names of a row's values, in their order. */
export const ROW_FEATURES: readonly string[] = [
  ...COUNTS.map(({ name }) => name),
  ...RESOURCES,
  ...CALL_CLASSES.map((name) => `calls/${name}`),
];

/**
 * Logarithms of one more than the count, so that a factor weighs the same for large and small; NaN for what was not read.
 * Counts are per second: windows are not all of one length.
 */
export function rowOf(window: Window): Float64Array {
  const known = ROWS.get(window);
  if (known !== undefined) return known;
  const row = makeRow(window);
  ROWS.set(window, row);
  return row;
}

/** Several models look at the row of a window, and none of them changes it. */
const ROWS = new WeakMap<Window, Float64Array>();

function makeRow({ counts, resources, classes, startNs, endNs }: Window): Float64Array {
  const seconds = Math.max(1e-3, Number(endNs - startNs) / 1e9);
  const rate = (count: number): number => Math.log1p(count / seconds);
  const row = new Float64Array(ROW_FEATURES.length);
  let at = 0;
  for (const { name, isMean } of COUNTS) row[at++] = isMean ? Math.log1p(counts[name]) : rate(counts[name]);
  for (const name of RESOURCES) row[at++] = levelOf(name, resources?.[name] ?? null, rate);
  for (let i = 0; i < CALL_CLASSES.length; i++) row[at++] = rate(classes[i] ?? 0);
  return row;
}

/** Memory and tasks are a level at the end of the window and no count. */
function levelOf(name: ResourceName, value: number | null, rate: (count: number) => number): number {
  if (value === null) return Number.NaN;
  return name === 'memoryBytes' || name === 'pids' ? Math.log1p(value) : rate(value);
}

const UNITS = ['', 'k', 'M', 'G', 'T'] as const;

/** A value of a row as people read it: `bytesOut 4.1 MB/s`. */
export function showFeature(name: string, value: number): string {
  const count = Math.max(0, Math.expm1(value));
  const rate = name === 'memoryBytes' || name === 'pids' || MEANS.has(name) ? '' : '/s';
  return `${shortCount(count, /bytes/i.test(name) ? 'B' : '')}${rate}`;
}

/** `4.1 MB`, `120`. */
export function shortCount(count: number, of: 'B' | ''): string {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const unit = `${UNITS[step]}${of}`;
  return `${Number((count / 1000 ** step).toPrecision(2))}${unit === '' ? '' : ` ${unit}`}`;
}
