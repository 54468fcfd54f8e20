/**
 * Bytes to events. The bytes come from the kernel but carry names that workloads choose, so nothing in them is
 * trusted: what does not fit the layout is counted by reason and skipped; nothing here throws.
 */
import type { Event, Flow } from './event.ts';
import { actionEvent } from './kinds/action.ts';
import { cgroupEvent } from './kinds/cgroup.ts';
import { deniedEvent } from './kinds/denied.ts';
import { dnsEvent } from './kinds/dns.ts';
import { execEvent, exitEvent } from './kinds/exec.ts';
import { flowEntries, flowEvent, OLD_ENTRY_BYTES } from './kinds/flow.ts';
import { novelEvent } from './kinds/novel.ts';
import { openEvent } from './kinds/open.ts';
import { pairEvent } from './kinds/pair.ts';
import { LAYOUT } from './layout.ts';
import { type DecodeProblem, Malformed, Reader } from './reader.ts';

export { addressText } from './kinds/address.ts';
export type { DecodeProblem } from './reader.ts';

export interface Decoded {
  readonly events: readonly Event[];
  readonly problems: Readonly<Partial<Record<DecodeProblem, number>>>;
}

const HEADER_BYTES = LAYOUT['sizeof record_header'];
// Above the largest record there is today, so that records of a newer kernel side are skipped by their size.
const MAX_RECORD_BYTES = 4096;

interface Kind {
  readonly bytes: number;
  /** Where texts end the record, the most there are of it. */
  readonly upTo?: number;
  readonly decode: (reader: Reader, size: number) => Event;
}

const KINDS: Readonly<Record<number, Kind>> = {
  [LAYOUT.RECORD_EXEC]: {
    bytes: LAYOUT['exec_record.text'],
    upTo: LAYOUT['sizeof exec_record'],
    decode: execEvent,
  },
  [LAYOUT.RECORD_EXIT]: { bytes: LAYOUT['sizeof exit_record'], decode: exitEvent },
  [LAYOUT.RECORD_OPEN]: { bytes: LAYOUT['sizeof open_record'], decode: openEvent },
  [LAYOUT.RECORD_FLOW]: { bytes: LAYOUT['sizeof flow_record'], decode: flowEvent },
  [LAYOUT.RECORD_CGROUP]: { bytes: LAYOUT['sizeof cgroup_record'], decode: cgroupEvent },
  [LAYOUT.RECORD_DENIED]: { bytes: LAYOUT['sizeof denied_record'], decode: deniedEvent },
  [LAYOUT.RECORD_ACTION]: { bytes: LAYOUT['sizeof action_record'], decode: actionEvent },
  [LAYOUT.RECORD_NOVEL]: { bytes: LAYOUT['sizeof novel_record'], decode: novelEvent },
  [LAYOUT.RECORD_DNS]: { bytes: LAYOUT['sizeof dns_record'], decode: dnsEvent },
  [LAYOUT.RECORD_PAIR]: { bytes: LAYOUT['sizeof pair_record'], decode: pairEvent },
};

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** One record whose bounds were checked. */
function decodeOne(bytes: Buffer, at: number, size: number): Event | DecodeProblem {
  const kind = KINDS[bytes.readUInt32LE(at + LAYOUT['record_header.kind'])];
  if (kind === undefined) return 'unknown-kind';
  if (size < kind.bytes || size > (kind.upTo ?? kind.bytes)) return 'wrong-size';
  try {
    return kind.decode(new Reader(bytes, at), size);
  } catch (error) {
    if (error instanceof Malformed) return error.problem;
    throw error;
  }
}

/** Events of a batch of whole records, in order. */
export function decodeRecords(batch: Uint8Array): Decoded {
  const bytes = asBuffer(batch);
  const events: Event[] = [];
  const problems: Partial<Record<DecodeProblem, number>> = {};
  const count = (problem: DecodeProblem): void => {
    problems[problem] = (problems[problem] ?? 0) + 1;
  };
  let at = 0;
  while (at < bytes.length) {
    const size = bytes.length - at < HEADER_BYTES ? 0 : bytes.readUInt32LE(at + LAYOUT['record_header.size']);
    // Without a believable size the next record cannot be found.
    if (size < HEADER_BYTES || size > MAX_RECORD_BYTES || size > bytes.length - at) {
      count('cut');
      break;
    }
    const result = decodeOne(bytes, at, size);
    if (typeof result === 'string') count(result);
    else events.push(result);
    at += size;
  }
  return { events, problems };
}

/** Bytes of an entry by what a tick says; 0 in recordings of before it was said. */
export const entryBytes = (flowSize: number): number => (flowSize === 0 ? OLD_ENTRY_BYTES : flowSize);

/** Entries of a flow map, back to back; what does not fit is counted. */
export const decodeFlows = (
  entries: Uint8Array,
  flowSize: number = LAYOUT['sizeof flow_entry'],
): { flows: Flow[]; malformed: number } => flowEntries(asBuffer(entries), entryBytes(flowSize));
