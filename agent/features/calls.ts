/** From the counts of a window to facts: which system calls were made at all. */
import type { SlotTick } from '../events/frame.ts';
import { LAYOUT } from '../events/layout.ts';
import type { Fact } from './fact.ts';
import { type Architecture, syscallName } from './syscalls.ts';

/** Where all calls with 32-bit numbering are counted together, as no architecture is near this number. */
const ALL_COMPAT = LAYOUT.SYSCALL_NUMBERS - 1;

/** Calls by name; those with 32-bit numbering by its numbers, whose meaning is another. */
export function factsOfCalls(tick: SlotTick, architecture: Architecture): Fact[] {
  const { numbers, counts, compatNumbers, compatCounts } = tick;
  const called = numbers.filter(
    (number, index) => (counts[index] ?? 0) > 0 && (number !== ALL_COMPAT || compatNumbers.length === 0),
  );
  const compat = compatNumbers.filter((_, index) => (compatCounts[index] ?? 0) > 0);
  return [
    ...called.map((number): Fact => ({ kind: 'syscall', value: syscallName(architecture, number) })),
    ...compat.map((number): Fact => ({ kind: 'compat', value: `call-${number}` })),
  ];
}
