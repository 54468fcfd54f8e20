import { readDns } from '../dns-message.ts';
import type { DnsEvent, Event } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, type Reader } from '../reader.ts';
import { flowKey } from './flow.ts';

const WHAT: Readonly<Record<number, DnsEvent['what']>> = {
  [LAYOUT.DNS_QUESTION]: 'question',
  [LAYOUT.DNS_ANSWER]: 'answer',
  [LAYOUT.DNS_UNASKED]: 'unasked',
};

export function dnsEvent(reader: Reader): Event {
  const what = WHAT[reader.u8(LAYOUT['dns_record.what'])];
  const ends = flowKey(reader, LAYOUT['dns_record.flow']);
  if (what === undefined || ends.direction !== 'connect') throw new Malformed('wrong-value');
  const used = reader.u16(LAYOUT['dns_record.used']);
  const bytes = reader.u32(LAYOUT['dns_record.total']);
  if (used > LAYOUT.DNS_BYTES || used > bytes) throw new Malformed('wrong-length');
  const { odd, code, ...message } = readDns(reader.slice(LAYOUT['dns_record.message'], used));
  const cut = used < bytes;
  return {
    kind: 'dns',
    ...baseOf(reader),
    what,
    server: ends.peer,
    port: ends.port,
    ownPort: reader.u16(LAYOUT['dns_record.own_port']),
    ...message,
    code: what === 'question' ? '' : code,
    bytes,
    cut,
    // What is missing at our cut may be there in the message.
    odd: cut && odd === 'short' ? null : odd,
    exe: reader.text(LAYOUT['dns_record.exe'], LAYOUT.FILE_NAME_BYTES),
  };
}
