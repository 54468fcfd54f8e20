import type { Event } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, pathOf, type Reader } from '../reader.ts';

const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_TRUNC = 0o1000;

export function openEvent(reader: Reader): Event {
  const pathCut = (reader.u32(LAYOUT['open_record.flags']) & LAYOUT.PATH_CUT) !== 0;
  const openFlags = reader.u32(LAYOUT['open_record.open_flags']);
  const used = reader.u32(LAYOUT['open_record.path_bytes']);
  return {
    kind: 'open',
    ...baseOf(reader),
    path: pathOf(reader.names(LAYOUT['open_record.path'], LAYOUT.PATH_BYTES, used), pathCut),
    pathCut,
    write: (openFlags & O_ACCMODE) !== O_RDONLY || (openFlags & O_TRUNC) !== 0,
    truncated: (openFlags & O_TRUNC) !== 0,
    exe: reader.text(LAYOUT['open_record.exe'], LAYOUT.FILE_NAME_BYTES),
  };
}
