import type { Event } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, pathOf, type Reader } from '../reader.ts';

export function execEvent(reader: Reader): Event {
  const flags = reader.u32(LAYOUT['exec_record.flags']);
  const used = reader.u32(LAYOUT['exec_record.path_bytes']);
  const names = reader.names(LAYOUT['exec_record.path'], LAYOUT.PATH_BYTES, used);
  const args = reader.names(
    LAYOUT['exec_record.args'],
    LAYOUT.ARGS_BYTES,
    reader.u32(LAYOUT['exec_record.args_bytes']),
  );
  const pathCut = (flags & LAYOUT.PATH_CUT) !== 0;
  return {
    kind: 'exec',
    ...baseOf(reader),
    path: pathOf(names, pathCut),
    exe: names[0] ?? '',
    pathCut,
    memfd: (flags & LAYOUT.EXEC_MEMFD) !== 0,
    deleted: (flags & LAYOUT.EXEC_DELETED) !== 0,
    args,
    argsCut: (flags & LAYOUT.ARGS_CUT) !== 0,
    argsTotal: reader.u32(LAYOUT['exec_record.args_total']),
    parentExe: reader.text(LAYOUT['exec_record.parent_exe'], LAYOUT.FILE_NAME_BYTES),
    comm: reader.text(LAYOUT['exec_record.comm'], 16),
    inode: reader.u64(LAYOUT['exec_record.inode']),
    device: reader.u64(LAYOUT['exec_record.device']),
  };
}

export function exitEvent(reader: Reader): Event {
  return { kind: 'exit', ...baseOf(reader), status: reader.u32(LAYOUT['exit_record.status']) };
}
