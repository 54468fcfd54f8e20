import type { Event } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, type Reader } from '../reader.ts';

export function cgroupEvent(reader: Reader): Event {
  const event = reader.u32(LAYOUT['cgroup_record.event']);
  const used = reader.u32(LAYOUT['cgroup_record.path_bytes']);
  if (event !== LAYOUT.CGROUP_MADE && event !== LAYOUT.CGROUP_REMOVED) throw new Malformed('wrong-value');
  if (used > LAYOUT.CGROUP_PATH_BYTES) throw new Malformed('wrong-length');
  return {
    kind: 'cgroup',
    ...baseOf(reader),
    change: event === LAYOUT.CGROUP_MADE ? 'made' : 'removed',
    path: used === 0 ? null : reader.text(LAYOUT['cgroup_record.path'], used),
  };
}
