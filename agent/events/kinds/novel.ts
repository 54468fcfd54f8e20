import type { Event, NovelEvent } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, pathOf, type Reader } from '../reader.ts';

const WHAT: Readonly<Record<number, NovelEvent['what']>> = {
  [LAYOUT.NOVEL_FOLDER_READ]: 'folder-read',
  [LAYOUT.NOVEL_FOLDER_WRITE]: 'folder-write',
  [LAYOUT.NOVEL_LIBRARY]: 'library',
  [LAYOUT.NOVEL_CAPABILITY]: 'capability',
  [LAYOUT.NOVEL_LISTEN]: 'listen',
};
const PROTOCOLS: Readonly<Record<number, NovelEvent['protocol']>> = { 6: 'tcp', 17: 'udp' };

export function novelEvent(reader: Reader): Event {
  const what = WHAT[reader.u32(LAYOUT['novel_record.what'])];
  const protocol = PROTOCOLS[reader.u8(LAYOUT['novel_record.protocol'])] ?? '';
  if (what === undefined || (what === 'listen') !== (protocol !== '')) throw new Malformed('wrong-value');
  const flags = reader.u32(LAYOUT['novel_record.flags']);
  const pathCut = (flags & LAYOUT.PATH_CUT) !== 0;
  const hasPath = what !== 'capability' && what !== 'listen';
  const used = reader.u32(LAYOUT['novel_record.path_bytes']);
  const names = reader.names(LAYOUT['novel_record.path'], LAYOUT.PATH_BYTES, used);
  return {
    kind: 'novel',
    ...baseOf(reader),
    what,
    key: reader.u64(LAYOUT['novel_record.key']),
    path: hasPath ? pathOf(names, pathCut) : '',
    pathCut,
    memfd: (flags & LAYOUT.EXEC_MEMFD) !== 0,
    deleted: (flags & LAYOUT.EXEC_DELETED) !== 0,
    capability: reader.u32(LAYOUT['novel_record.value']),
    protocol,
    port: reader.u16(LAYOUT['novel_record.port']),
    exe: reader.text(LAYOUT['novel_record.exe'], LAYOUT.FILE_NAME_BYTES),
  };
}
