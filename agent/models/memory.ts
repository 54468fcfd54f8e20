/**
 * How much memory the models of a baseline take, by detector: an estimate from what they save, which is what they hold, by what
 * V8 takes for it on 64 bits. Of facts it is within a factor of two of what the heap grows by, which a test looks at.
 */
import type { SavedBaseline } from './baseline.ts';

/** A pointer or a number, the head of an object, and of a text; a place in a hash table, with its share of free ones. */
const SLOT = 8;
const HEAD = 24;
const TEXT = 16;
const PLACE = 40;

/** Bytes on the heap of plain JSON; a list in which facts are kept is a hash table. */
export function heapOf(value: unknown): number {
  if (typeof value === 'string') return TEXT + Math.ceil(value.length / 8) * 8;
  if (typeof value !== 'object' || value === null) return 0;
  if (!Array.isArray(value))
    return Object.values(value).reduce((sum: number, each) => sum + SLOT + heapOf(each), HEAD);
  const keyed = typeof value[0] === 'string' && value.length > 1 ? PLACE : 0;
  return value.reduce((sum: number, each) => sum + SLOT + heapOf(each), HEAD + keyed);
}

const pairsOf = ({ steady, start }: SavedBaseline): number => heapOf(steady.pair) + heapOf(start.pair);

/** Bytes by detector; those that hold nothing of a workload are not in it. */
export function memoryOf(saved: SavedBaseline): Map<string, number> {
  const pairs = pairsOf(saved);
  const facts = [saved.steady, saved.start, saved.suspects, saved.admitted, saved.versions];
  const rarity = facts.reduce((sum: number, of) => sum + heapOf(of), 0) - pairs;
  return new Map([
    ['rarity', rarity],
    ['sequence', pairs],
    ['shape', heapOf(saved.shape)],
    ['dns-labels', heapOf(saved.labels)],
    ['volume', heapOf(saved.volume)],
    ['surge', heapOf(saved.surge)],
    ['access', heapOf(saved.access)],
    ['replica', heapOf(saved.replica)],
    ['evidence', heapOf(saved.history)],
  ]);
}

export function addTo(sums: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, bytes] of more) sums.set(name, (sums.get(name) ?? 0) + bytes);
}
