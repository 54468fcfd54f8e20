import type { Event } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, type Reader } from '../reader.ts';

const EVENTS: ReadonlySet<number> = new Set([LAYOUT.CGROUP_MADE, LAYOUT.CGROUP_REMOVED, LAYOUT.CGROUP_BEGUN]);

export function cgroupEvent(reader: Reader): Event {
  const event = reader.u32(LAYOUT['cgroup_record.event']);
  const used = reader.u32(LAYOUT['cgroup_record.path_bytes']);
  if (!EVENTS.has(event)) throw new Malformed('wrong-value');
  if (used > LAYOUT.CGROUP_PATH_BYTES) throw new Malformed('wrong-length');
  return {
    kind: 'cgroup',
    ...baseOf(reader),
    change: event === LAYOUT.CGROUP_REMOVED ? 'removed' : 'made',
    path: used === 0 ? null : reader.text(LAYOUT['cgroup_record.path'], used),
    isNew: event === LAYOUT.CGROUP_BEGUN || (event === LAYOUT.CGROUP_MADE && used > 0),
  };
}
