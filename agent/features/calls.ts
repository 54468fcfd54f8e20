/** From the counts of a window to facts: which system calls were made at all. */
import type { SlotTick } from '../events/frame.ts';
import { LAYOUT } from '../events/layout.ts';
import { CALL_CLASSES, classOfCall } from './call-classes.ts';
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

const placesOf = (architecture: Architecture): Uint8Array =>
  Uint8Array.from({ length: LAYOUT.SYSCALL_NUMBERS }, (_, number) =>
    CALL_CLASSES.indexOf(number === ALL_COMPAT ? 'other' : classOfCall(syscallName(architecture, number))),
  );
const PLACES: Readonly<Record<Architecture, Uint8Array>> = { x64: placesOf('x64'), arm64: placesOf('arm64') };

/** Calls by class, in the order of CALL_CLASSES; those with 32-bit numbering are of the last. */
export function classCounts({ numbers, counts }: SlotTick, architecture: Architecture): number[] {
  const places = PLACES[architecture];
  const sums = CALL_CLASSES.map(() => 0);
  for (const [i, number] of numbers.entries()) {
    const place = places[number] ?? sums.length - 1;
    sums[place] = (sums[place] ?? 0) + (counts[i] ?? 0);
  }
  return sums;
}
