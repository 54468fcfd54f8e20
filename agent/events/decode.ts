/**
 * Bytes to events. The bytes come from the kernel but carry names that workloads choose, so nothing in them is
 * trusted: what does not fit the layout is counted by reason and skipped; nothing here throws.
 */
import type { Action, DeniedEvent, Event, Flow, FlowEvent, Process } from './event.ts';
import { LAYOUT } from './layout.ts';

/** Why bytes were not decoded. */
export type DecodeProblem =
  | 'cut' // the batch ends within a record; the rest is skipped
  | 'unknown-kind'
  | 'wrong-size'
  | 'wrong-length' // a length field points beyond its field
  | 'wrong-value'; // an enumeration or number outside its range

export interface Decoded {
  readonly events: readonly Event[];
  readonly problems: Readonly<Partial<Record<DecodeProblem, number>>>;
}

const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_TRUNC = 0o1000;
const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);
const HEADER_BYTES = LAYOUT['sizeof record_header'];
// Above the largest record there is today, so that records of a newer kernel side are skipped by their size.
const MAX_RECORD_BYTES = 4096;

class Malformed extends Error {
  readonly problem: DecodeProblem;
  constructor(problem: DecodeProblem) {
    super(problem);
    this.problem = problem;
  }
}

/** One record within a batch. */
class Reader {
  readonly #bytes: Buffer;
  readonly #base: number;
  constructor(bytes: Buffer, base: number) {
    this.#bytes = bytes;
    this.#base = base;
  }
  u8(offset: number): number {
    return this.#bytes.readUInt8(this.#base + offset);
  }
  u16(offset: number): number {
    return this.#bytes.readUInt16LE(this.#base + offset);
  }
  u32(offset: number): number {
    return this.#bytes.readUInt32LE(this.#base + offset);
  }
  s64(offset: number): bigint {
    return this.#bytes.readBigInt64LE(this.#base + offset);
  }
  u64(offset: number): bigint {
    return this.#bytes.readBigUInt64LE(this.#base + offset);
  }
  /** A 64-bit value that must be exact as a number. */
  count(offset: number): number {
    const value = this.u64(offset);
    if (value > MAX_EXACT) throw new Malformed('wrong-value');
    return Number(value);
  }
  slice(offset: number, length: number): Buffer {
    return this.#bytes.subarray(this.#base + offset, this.#base + offset + length);
  }
  /** Text of a fixed field, ended by NUL or by the field. */
  text(offset: number, length: number): string {
    const field = this.slice(offset, length);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? length : end);
  }
  /** `used` bytes of a field, split at each NUL. */
  names(offset: number, field: number, used: number): string[] {
    if (used > field) throw new Malformed('wrong-length');
    if (used === 0) return [];
    const text = this.slice(offset, used).toString('utf8');
    return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
  }
}

/** `shadow\0etc\0` → `/etc/shadow`. */
function pathOf(names: readonly string[], cut: boolean): string {
  const rootFirst = names.toReversed().filter((name) => name !== '' && name !== '/');
  return `${cut ? '…/' : '/'}${rootFirst.join('/')}`;
}

/** The address as text; IPv6 in the short form of RFC 5952. */
export function addressText(family: number, bytes: Uint8Array): string {
  if (family === 4) return bytes.subarray(0, 4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff)
    return bytes.subarray(12, 16).join('.');
  return compress(groups);
}

/** Replaces the longest run of two or more zero groups, the first of equals, by `::`. */
function compress(groups: readonly number[]): string {
  let best = { at: 0, length: 1 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = groups.map((g) => g.toString(16));
  if (best.length < 2) return hex.join(':');
  return `${hex.slice(0, best.at).join(':')}::${hex.slice(best.at + best.length).join(':')}`;
}

function processOf(reader: Reader): Process {
  return {
    pid: reader.u32(LAYOUT['record_header.pid']),
    start: reader.u64(LAYOUT['record_header.start']),
    parentPid: reader.u32(LAYOUT['record_header.parent_pid']),
    parentStart: reader.u64(LAYOUT['record_header.parent_start']),
    uid: reader.u32(LAYOUT['record_header.uid']),
  };
}

const baseOf = (reader: Reader) => ({
  time: reader.u64(LAYOUT['record_header.time']),
  cpu: reader.u32(LAYOUT['record_header.cpu']),
  slot: reader.u32(LAYOUT['record_header.slot']),
  cgroup: reader.count(LAYOUT['record_header.cgroup']),
  process: processOf(reader),
});

function execEvent(reader: Reader): Event {
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

function openEvent(reader: Reader): Event {
  const pathCut = (reader.u32(LAYOUT['open_record.flags']) & LAYOUT.PATH_CUT) !== 0;
  const openFlags = reader.u32(LAYOUT['open_record.open_flags']);
  const used = reader.u32(LAYOUT['open_record.path_bytes']);
  return {
    kind: 'open',
    ...baseOf(reader),
    path: pathOf(reader.names(LAYOUT['open_record.path'], LAYOUT.PATH_BYTES, used), pathCut),
    pathCut,
    write: (openFlags & O_ACCMODE) !== O_RDONLY || (openFlags & O_TRUNC) !== 0,
    exe: reader.text(LAYOUT['open_record.exe'], LAYOUT.FILE_NAME_BYTES),
  };
}

function flowKey(reader: Reader, at: number): Pick<FlowEvent, 'direction' | 'peer' | 'port'> {
  const direction = reader.u8(at + LAYOUT['flow_key.direction']);
  const family = reader.u8(at + LAYOUT['flow_key.family']);
  if (direction !== LAYOUT.FLOW_CONNECT && direction !== LAYOUT.FLOW_ACCEPT)
    throw new Malformed('wrong-value');
  if (family !== 4 && family !== 6) throw new Malformed('wrong-value');
  return {
    direction: direction === LAYOUT.FLOW_CONNECT ? 'connect' : 'accept',
    peer: addressText(family, reader.slice(at + LAYOUT['flow_key.peer'], 16)),
    port: reader.u16(at + LAYOUT['flow_key.port']),
  };
}

function flowEvent(reader: Reader): Event {
  return {
    kind: 'flow',
    ...baseOf(reader),
    ...flowKey(reader, LAYOUT['flow_record.flow']),
    exe: reader.text(LAYOUT['flow_record.exe'], LAYOUT.FILE_NAME_BYTES),
  };
}

function cgroupEvent(reader: Reader): Event {
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

const DENIED: Readonly<Record<number, DeniedEvent['what']>> = {
  [LAYOUT.DENIED_CONNECT]: 'connect',
  [LAYOUT.DENIED_SEND]: 'send',
  [LAYOUT.DENIED_EXEC]: 'exec',
};

function deniedEvent(reader: Reader): Event {
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

const ACTIONS: Readonly<Record<number, Action>> = {
  [LAYOUT.ACTION_SET_ID]: 'set-id',
  [LAYOUT.ACTION_CAPSET]: 'capset',
  [LAYOUT.ACTION_PTRACE]: 'ptrace',
  [LAYOUT.ACTION_VM_READ]: 'vm-read',
  [LAYOUT.ACTION_VM_WRITE]: 'vm-write',
  [LAYOUT.ACTION_MOUNT]: 'mount',
  [LAYOUT.ACTION_UMOUNT]: 'umount',
  [LAYOUT.ACTION_MOVE_MOUNT]: 'move-mount',
  [LAYOUT.ACTION_FSMOUNT]: 'fsmount',
  [LAYOUT.ACTION_OPEN_TREE]: 'open-tree',
  [LAYOUT.ACTION_PIVOT_ROOT]: 'pivot-root',
  [LAYOUT.ACTION_CHROOT]: 'chroot',
  [LAYOUT.ACTION_UNSHARE]: 'unshare',
  [LAYOUT.ACTION_SETNS]: 'setns',
  [LAYOUT.ACTION_CLONE_NS]: 'clone-ns',
  [LAYOUT.ACTION_MODULE_LOAD]: 'module-load',
  [LAYOUT.ACTION_MODULE_UNLOAD]: 'module-unload',
  [LAYOUT.ACTION_BPF_LOAD]: 'bpf-load',
  [LAYOUT.ACTION_PERF_OPEN]: 'perf-open',
  [LAYOUT.ACTION_MEMFD]: 'memfd',
  [LAYOUT.ACTION_WRITE_EXEC]: 'write-exec',
  [LAYOUT.ACTION_MAKE_EXEC]: 'make-exec',
  [LAYOUT.ACTION_RAW_SOCKET]: 'raw-socket',
  [LAYOUT.ACTION_SOCKET_USE]: 'socket-use',
  [LAYOUT.ACTION_SIGNAL]: 'signal',
  [LAYOUT.ACTION_URING_SETUP]: 'uring-setup',
  [LAYOUT.ACTION_URING_OP]: 'uring-op',
  [LAYOUT.ACTION_OOM_KILL]: 'oom-kill',
  [LAYOUT.ACTION_OPEN_HANDLE]: 'open-handle',
  [LAYOUT.ACTION_TAKE_FD]: 'take-fd',
  [LAYOUT.ACTION_KEXEC]: 'kexec',
  [LAYOUT.ACTION_EXEC_ID]: 'exec-id',
};
const REFUSALS: ReadonlySet<bigint> = new Set([-1n, -13n]); // EPERM, EACCES

/** From the kernel's names; or what the caller claims, one text with whatever in it. */
function actionPath(reader: Reader, flags: number): string {
  const used = reader.u32(LAYOUT['action_record.path_bytes']);
  const at = LAYOUT['action_record.path'];
  if (used > LAYOUT.PATH_BYTES) throw new Malformed('wrong-length');
  if (used === 0) return '';
  if ((flags & LAYOUT.PATH_CLAIMED) !== 0) return reader.text(at, used);
  return pathOf(reader.names(at, LAYOUT.PATH_BYTES, used), (flags & LAYOUT.PATH_CUT) !== 0);
}

function actionEvent(reader: Reader): Event {
  const action = ACTIONS[reader.u32(LAYOUT['action_record.action'])];
  if (action === undefined) throw new Malformed('wrong-value');
  const flags = reader.u32(LAYOUT['action_record.flags']);
  const call = reader.u32(LAYOUT['action_record.number']);
  const result = reader.s64(LAYOUT['action_record.result']);
  const arg = (index: number): bigint => reader.u64(LAYOUT['action_record.args'] + 8 * index);
  const pid = reader.u32(LAYOUT['action_record.target_pid']);
  const start = reader.u64(LAYOUT['action_record.target_start']);
  return {
    kind: 'action',
    ...baseOf(reader),
    action,
    call: call === LAYOUT.ACTION_NO_CALL ? null : call,
    compat: (flags & LAYOUT.ACTION_COMPAT) !== 0,
    result,
    refused: REFUSALS.has(result),
    args: [arg(0), arg(1), arg(2), arg(3)],
    target: pid === 0 ? null : { pid, start, slot: reader.u32(LAYOUT['action_record.target_slot']) },
    exe: reader.text(LAYOUT['action_record.exe'], LAYOUT.FILE_NAME_BYTES),
    name: reader.text(LAYOUT['action_record.name'], LAYOUT.ACTION_NAME_BYTES),
    path: actionPath(reader, flags),
    pathCut: (flags & LAYOUT.PATH_CUT) !== 0,
    claimed: (flags & (LAYOUT.ACTION_CLAIMED | LAYOUT.PATH_CLAIMED)) !== 0,
  };
}

function pairEvent(reader: Reader): Event {
  const [previous, current] = [
    reader.u32(LAYOUT['pair_record.previous']),
    reader.u32(LAYOUT['pair_record.current']),
  ];
  if (previous >= LAYOUT.SYSCALL_NUMBERS || current >= LAYOUT.SYSCALL_NUMBERS)
    throw new Malformed('wrong-value');
  return {
    kind: 'pair',
    ...baseOf(reader),
    tid: reader.u32(LAYOUT['record_header.tid']),
    previous,
    current,
  };
}

const KINDS: Readonly<Record<number, { readonly bytes: number; readonly decode: (r: Reader) => Event }>> = {
  [LAYOUT.RECORD_EXEC]: { bytes: LAYOUT['sizeof exec_record'], decode: execEvent },
  [LAYOUT.RECORD_EXIT]: {
    bytes: LAYOUT['sizeof exit_record'],
    decode: (r) => ({ kind: 'exit', ...baseOf(r), status: r.u32(LAYOUT['exit_record.status']) }),
  },
  [LAYOUT.RECORD_OPEN]: { bytes: LAYOUT['sizeof open_record'], decode: openEvent },
  [LAYOUT.RECORD_FLOW]: { bytes: LAYOUT['sizeof flow_record'], decode: flowEvent },
  [LAYOUT.RECORD_CGROUP]: { bytes: LAYOUT['sizeof cgroup_record'], decode: cgroupEvent },
  [LAYOUT.RECORD_DENIED]: { bytes: LAYOUT['sizeof denied_record'], decode: deniedEvent },
  [LAYOUT.RECORD_ACTION]: { bytes: LAYOUT['sizeof action_record'], decode: actionEvent },
  [LAYOUT.RECORD_PAIR]: { bytes: LAYOUT['sizeof pair_record'], decode: pairEvent },
};

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** One record whose bounds were checked. */
function decodeOne(bytes: Buffer, at: number, size: number): Event | DecodeProblem {
  const kind = KINDS[bytes.readUInt32LE(at + LAYOUT['record_header.kind'])];
  if (kind === undefined) return 'unknown-kind';
  if (kind.bytes !== size) return 'wrong-size';
  try {
    return kind.decode(new Reader(bytes, at));
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

/** Entries of a flow map, back to back; what does not fit is counted. */
export function decodeFlows(entries: Uint8Array): { flows: Flow[]; malformed: number } {
  const bytes = asBuffer(entries);
  const size = LAYOUT['sizeof flow_entry'];
  const flows: Flow[] = [];
  let malformed = bytes.length % size === 0 ? 0 : 1;
  for (let at = 0; at + size <= bytes.length; at += size) {
    const reader = new Reader(bytes, at);
    try {
      flows.push({
        slot: reader.u32(LAYOUT['flow_key.slot']),
        ...flowKey(reader, LAYOUT['flow_entry.flow']),
        cgroup: reader.count(LAYOUT['flow_entry.cgroup']),
        opened: reader.count(LAYOUT['flow_entry.opened']),
        attempts: reader.count(LAYOUT['flow_entry.attempts']),
        failures: reader.count(LAYOUT['flow_entry.failures']),
        first: reader.u64(LAYOUT['flow_entry.first']),
        last: reader.u64(LAYOUT['flow_entry.last']),
      });
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      malformed += 1;
    }
  }
  return { flows, malformed };
}
