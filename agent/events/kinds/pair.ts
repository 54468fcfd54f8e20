import type { Event } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, type Reader } from '../reader.ts';

export function pairEvent(reader: Reader): Event {
  const [previous, current] = [
    reader.u32(LAYOUT['pair_record.previous']),
    reader.u32(LAYOUT['pair_record.current']),
  ];
  if (previous >= LAYOUT.SYSCALL_NUMBERS || current >= LAYOUT.SYSCALL_NUMBERS)
    throw new Malformed('wrong-value');
  return {
    kind: 'pair',
    ...baseOf(reader),
    tid: reader.u32(LAYOUT['record_header.tid']),
    previous,
    current,
  };
}
