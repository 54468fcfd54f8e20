import type { DeniedEvent, Event } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, type Reader } from '../reader.ts';
import { addressText } from './address.ts';

const DENIED: Readonly<Record<number, DeniedEvent['what']>> = {
  [LAYOUT.DENIED_CONNECT]: 'connect',
  [LAYOUT.DENIED_SEND]: 'send',
  [LAYOUT.DENIED_EXEC]: 'exec',
};

export function deniedEvent(reader: Reader): Event {
  const what = DENIED[reader.u32(LAYOUT['denied_record.what'])];
  const family = reader.u8(LAYOUT['denied_record.family']);
  if (what === undefined) throw new Malformed('wrong-value');
  const known = what !== 'exec' && (family === 4 || family === 6);
  return {
    kind: 'denied',
    ...baseOf(reader),
    what,
    peer: known ? addressText(family, reader.slice(LAYOUT['denied_record.peer'], 16)) : '',
    port: reader.u16(LAYOUT['denied_record.port']),
  };
}
