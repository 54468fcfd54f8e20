/** What an agent counted, from what it recorded: its own counters, window by window. */
import { statSync } from 'node:fs';
import type { SlotTick } from '../../agent/events/frame.ts';
import { openRecording } from '../../agent/events/recording.ts';
import type { Container } from './container.ts';

/** What is not told now but will be: no loss. */
const TOLD_LATER: ReadonlySet<string> = new Set(['seen-full', 'folders-later']);

export interface Counted {
  /** Calls of the container by number. */
  readonly calls: ReadonlyMap<number, number>;
  /** What maps, rings and queues of the node turned away, and what the container had throttled; by reason, none left out. */
  readonly lost: Readonly<Record<string, number>>;
}

/** @throws RecordingError when the file is no recording. */
export async function countedIn(path: string, { folder }: Container): Promise<Counted> {
  const cgroup = statSync(folder).ino;
  const calls = new Map<number, number>();
  const lost = new Map<string, number>();
  for await (const frame of (await openRecording(path)).frames()) {
    if (frame.kind !== 'tick') continue;
    // Totals since the start; what others have throttled is theirs.
    for (const [reason, count] of Object.entries(frame.tick.lost))
      if (reason !== 'throttled' && !TOLD_LATER.has(reason)) lost.set(reason, count);
    for (const slot of frame.tick.slots) if (slot.cgroup === cgroup) take(slot, calls, lost);
  }
  return { calls, lost: Object.fromEntries([...lost].filter(([, count]) => count > 0)) };
}

function take(
  { numbers, counts, losses }: SlotTick,
  calls: Map<number, number>,
  lost: Map<string, number>,
): void {
  for (const [index, number] of numbers.entries()) add(calls, number, counts[index] ?? 0);
  for (const [reason, count] of Object.entries(losses))
    if (reason.startsWith('throttled')) add(lost, reason, count);
}

function add<K>(sums: Map<K, number>, key: K, more: number): void {
  sums.set(key, (sums.get(key) ?? 0) + more);
}
