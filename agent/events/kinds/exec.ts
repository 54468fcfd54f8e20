import type { Event, ExecEvent, Stream } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, pathOf, type Reader } from '../reader.ts';

const TEXT = LAYOUT['exec_record.text'];
const wholeWords = (bytes: number): number => Math.ceil(bytes / 8) * 8;

const STREAMS: Readonly<Record<number, Stream>> = {
  [LAYOUT.STREAM_CLOSED]: 'closed',
  [LAYOUT.STREAM_FILE]: 'file',
  [LAYOUT.STREAM_DEVICE]: 'device',
  [LAYOUT.STREAM_TERMINAL]: 'terminal',
  [LAYOUT.STREAM_PIPE]: 'pipe',
  [LAYOUT.STREAM_UNIX]: 'unix',
  [LAYOUT.STREAM_NETWORK]: 'network',
  [LAYOUT.STREAM_OTHER]: 'other',
};

function streamOf(reader: Reader, descriptor: number): Stream {
  const stream = STREAMS[reader.u8(LAYOUT['exec_record.streams'] + descriptor)];
  if (stream === undefined) throw new Malformed('wrong-value');
  return stream;
}

type Texts = Pick<ExecEvent, 'args' | 'argsTail' | 'script'>;

/** Arguments and script, which end the record: its size is theirs. */
function textsOf(reader: Reader, size: number, flags: number): Texts {
  const used = reader.u32(LAYOUT['exec_record.args_bytes']);
  const script = reader.u32(LAYOUT['exec_record.script_bytes']);
  if (used > LAYOUT.ARGS_BYTES || script > LAYOUT.SCRIPT_BYTES) throw new Malformed('wrong-length');
  const scriptAt = TEXT + wholeWords(used);
  if (scriptAt + wholeWords(script) !== size) throw new Malformed('wrong-length');
  const split = (flags & LAYOUT.ARGS_CUT) !== 0 && used > LAYOUT.ARGS_HALF;
  const head = split ? LAYOUT.ARGS_HALF : used;
  return {
    args: reader.names(TEXT, head, head),
    argsTail: reader.names(TEXT + head, used - head, used - head),
    script: (flags & LAYOUT.EXEC_SCRIPT) === 0 ? null : reader.text(scriptAt, script),
  };
}

/** `size` is the record's, and at least that of its fixed part. */
export function execEvent(reader: Reader, size: number): Event {
  const flags = reader.u32(LAYOUT['exec_record.flags']);
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const used = reader.u32(LAYOUT['exec_record.path_bytes']);
  const names = reader.names(LAYOUT['exec_record.path'], LAYOUT.PATH_BYTES, used);
  return {
    kind: 'exec',
    ...baseOf(reader),
    path: pathOf(names, has(LAYOUT.PATH_CUT)),
    exe: names[0] ?? '',
    pathCut: has(LAYOUT.PATH_CUT),
    memfd: has(LAYOUT.EXEC_MEMFD),
    deleted: has(LAYOUT.EXEC_DELETED),
    upper: has(LAYOUT.EXEC_UPPER),
    ...textsOf(reader, size, flags),
    argsCut: has(LAYOUT.ARGS_CUT),
    argsCount: reader.u32(LAYOUT['exec_record.args_count']),
    argsTotal: reader.u32(LAYOUT['exec_record.args_total']),
    argsHash: reader.u64(LAYOUT['exec_record.args_hash']),
    argsHashCut: has(LAYOUT.ARGS_HASH_CUT),
    innerPid: reader.u32(LAYOUT['exec_record.inner_pid']),
    stdin: streamOf(reader, 0),
    stdout: streamOf(reader, 1),
    stderr: streamOf(reader, 2),
    parentExe: reader.text(LAYOUT['exec_record.parent_exe'], LAYOUT.FILE_NAME_BYTES),
    comm: reader.text(LAYOUT['exec_record.comm'], 16),
    inode: reader.u64(LAYOUT['exec_record.inode']),
    device: reader.u64(LAYOUT['exec_record.device']),
  };
}

export function exitEvent(reader: Reader): Event {
  return { kind: 'exit', ...baseOf(reader), status: reader.u32(LAYOUT['exit_record.status']) };
}
