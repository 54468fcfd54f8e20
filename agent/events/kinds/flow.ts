import type { Event, Flow, FlowEnds } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, Reader } from '../reader.ts';
import { addressText } from './address.ts';

/** Between whom, by a struct flow_key. */
export function flowKey(reader: Reader, at: number): FlowEnds {
  const protocol = reader.u8(at + LAYOUT['flow_key.protocol']);
  const direction = reader.u8(at + LAYOUT['flow_key.direction']);
  const family = reader.u8(at + LAYOUT['flow_key.family']);
  if (direction !== LAYOUT.FLOW_CONNECT && direction !== LAYOUT.FLOW_ACCEPT)
    throw new Malformed('wrong-value');
  if (family !== 4 && family !== 6) throw new Malformed('wrong-value');
  if (protocol !== LAYOUT.FLOW_TCP && protocol !== LAYOUT.FLOW_UDP) throw new Malformed('wrong-value');
  return {
    protocol: protocol === LAYOUT.FLOW_UDP ? 'udp' : 'tcp',
    direction: direction === LAYOUT.FLOW_CONNECT ? 'connect' : 'accept',
    peer: addressText(family, reader.slice(at + LAYOUT['flow_key.peer'], 16)),
    port: reader.u16(at + LAYOUT['flow_key.port']),
  };
}

export function flowEvent(reader: Reader): Event {
  return {
    kind: 'flow',
    ...baseOf(reader),
    ...flowKey(reader, LAYOUT['flow_record.flow']),
    exe: reader.text(LAYOUT['flow_record.exe'], LAYOUT.FILE_NAME_BYTES),
  };
}

/** Up to here an entry was written before it had bytes and segments. */
export const OLD_ENTRY_BYTES = LAYOUT['flow_entry.bytes_in'];

/** Entries of a flow map, back to back, each of `size` bytes; what does not fit is counted. */
export function flowEntries(bytes: Buffer, size: number): { flows: Flow[]; malformed: number } {
  if (size < OLD_ENTRY_BYTES) return { flows: [], malformed: bytes.length === 0 ? 0 : 1 };
  const whole = size >= LAYOUT['sizeof flow_entry'];
  const flows: Flow[] = [];
  let malformed = bytes.length % size === 0 ? 0 : 1;
  for (let at = 0; at + size <= bytes.length; at += size) {
    const reader = new Reader(bytes, at);
    try {
      flows.push({
        slot: reader.u16(LAYOUT['flow_key.slot']),
        ...flowKey(reader, LAYOUT['flow_entry.flow']),
        cgroup: reader.count(LAYOUT['flow_entry.cgroup']),
        opened: reader.count(LAYOUT['flow_entry.opened']),
        attempts: reader.count(LAYOUT['flow_entry.attempts']),
        failures: reader.count(LAYOUT['flow_entry.failures']),
        first: reader.u64(LAYOUT['flow_entry.first']),
        last: reader.u64(LAYOUT['flow_entry.last']),
        bytesIn: whole ? reader.count(LAYOUT['flow_entry.bytes_in']) : 0,
        bytesOut: whole ? reader.count(LAYOUT['flow_entry.bytes_out']) : 0,
        segmentsIn: whole ? reader.count(LAYOUT['flow_entry.segments_in']) : 0,
        segmentsOut: whole ? reader.count(LAYOUT['flow_entry.segments_out']) : 0,
      });
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      malformed += 1;
    }
  }
  return { flows, malformed };
}
