/** From the counts of a window to facts: which system calls were made at all. */
import type { SlotTick } from '../events/frame.ts';
import type { Fact } from './fact.ts';
import { type Architecture, syscallName } from './syscalls.ts';

export function factsOfCalls({ numbers, counts }: SlotTick, architecture: Architecture): Fact[] {
  const called = numbers.filter((_, index) => (counts[index] ?? 0) > 0);
  return called.map((number) => ({ kind: 'syscall', value: syscallName(architecture, number) }));
}
