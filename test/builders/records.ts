/** Makers of kernel records as bytes, by the offsets of the layout. */
import { LAYOUT } from '../../agent/events/layout.ts';

export interface HeaderFields {
  slot?: number;
  cpu?: number;
  time?: bigint;
  cgroup?: number;
  start?: bigint;
  parentStart?: bigint;
  pid?: number;
  tid?: number;
  uid?: number;
  parentPid?: number;
}

export const SECOND = 1_000_000_000n;

function record(kind: number, size: number, fields: HeaderFields): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(kind, LAYOUT['record_header.kind']);
  bytes.writeUInt32LE(size, LAYOUT['record_header.size']);
  bytes.writeUInt32LE(fields.slot ?? 2, LAYOUT['record_header.slot']);
  bytes.writeUInt32LE(fields.cpu ?? 0, LAYOUT['record_header.cpu']);
  bytes.writeBigUInt64LE(fields.time ?? 1000n * SECOND, LAYOUT['record_header.time']);
  bytes.writeBigUInt64LE(BigInt(fields.cgroup ?? 500), LAYOUT['record_header.cgroup']);
  bytes.writeBigUInt64LE(fields.start ?? 100n * SECOND, LAYOUT['record_header.start']);
  bytes.writeBigUInt64LE(fields.parentStart ?? 50n * SECOND, LAYOUT['record_header.parent_start']);
  bytes.writeUInt32LE(fields.pid ?? 100, LAYOUT['record_header.pid']);
  bytes.writeUInt32LE(fields.tid ?? fields.pid ?? 100, LAYOUT['record_header.tid']);
  bytes.writeUInt32LE(fields.uid ?? 0, LAYOUT['record_header.uid']);
  bytes.writeUInt32LE(fields.parentPid ?? 50, LAYOUT['record_header.parent_pid']);
  return bytes;
}

/** `/etc/shadow` → `shadow\0etc\0`. */
function leafFirst(path: string): Buffer {
  const names = path
    .split('/')
    .filter((name) => name !== '')
    .toReversed();
  return Buffer.from(names.map((name) => `${name}\0`).join(''));
}

function address(bytes: Buffer, at: number, peer: string): number {
  if (!peer.includes(':')) {
    for (const [index, part] of peer.split('.').entries()) bytes.writeUInt8(Number(part), at + index);
    return 4;
  }
  const [head = '', tail = ''] = peer.split('::');
  const groups = (text: string): string[] => text.split(':').filter((group) => group !== '');
  const zeros = 8 - groups(head).length - groups(tail).length;
  const all = [
    ...groups(head),
    ...Array.from({ length: peer.includes('::') ? zeros : 0 }, () => '0'),
    ...groups(tail),
  ];
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), at + 2 * index);
  return 6;
}

export interface ExecFields extends HeaderFields {
  path: string;
  args?: readonly string[];
  parentExe?: string;
  /** In its own pid namespace; the same as outside where it is left out. */
  innerPid?: number;
  comm?: string;
  flags?: number;
  script?: string;
  hash?: bigint;
  /** enum stream of stdin, stdout and stderr. */
  streams?: readonly [number, number, number];
}

/** Text at the next multiple of 8. */
const padded = (text: Buffer): Buffer => Buffer.concat([text, Buffer.alloc(-text.length & 7)]);

/** What the kernel keeps of an argument vector. */
function keptArgs(args: Buffer): Buffer {
  if (args.length <= LAYOUT.ARGS_BYTES) return args;
  return Buffer.concat([
    args.subarray(0, LAYOUT.ARGS_HALF),
    args.subarray(args.length - LAYOUT.ARGS_HALF, args.length),
  ]);
}

export function execRecord(fields: ExecFields): Buffer {
  const args = fields.args ?? [fields.path];
  const all = Buffer.from(args.map((arg) => `${arg}\0`).join(''));
  const kept = keptArgs(all);
  const script = Buffer.from(fields.script === undefined ? '' : `${fields.script}\0`);
  const text = Buffer.concat([padded(kept), padded(script)]);
  const bytes = record(LAYOUT.RECORD_EXEC, LAYOUT['exec_record.text'] + text.length, fields);
  const path = leafFirst(fields.path);
  const cut = kept.length < all.length ? LAYOUT.ARGS_CUT : 0;
  const flags = (fields.flags ?? 0) | cut | (fields.script === undefined ? 0 : LAYOUT.EXEC_SCRIPT);
  bytes.writeUInt32LE(flags, LAYOUT['exec_record.flags']);
  bytes.writeUInt32LE(path.length, LAYOUT['exec_record.path_bytes']);
  bytes.writeUInt32LE(kept.length, LAYOUT['exec_record.args_bytes']);
  bytes.writeUInt32LE(all.length, LAYOUT['exec_record.args_total']);
  bytes.writeUInt32LE(args.length, LAYOUT['exec_record.args_count']);
  bytes.writeUInt32LE(script.length, LAYOUT['exec_record.script_bytes']);
  bytes.writeUInt32LE(fields.innerPid ?? fields.pid ?? 100, LAYOUT['exec_record.inner_pid']);
  for (const [index, stream] of (fields.streams ?? [2, 2, 2]).entries())
    bytes.writeUInt8(stream, LAYOUT['exec_record.streams'] + index);
  bytes.writeBigUInt64LE(fields.hash ?? 5n, LAYOUT['exec_record.args_hash']);
  bytes.writeBigUInt64LE(77n, LAYOUT['exec_record.inode']);
  bytes.writeBigUInt64LE(8n, LAYOUT['exec_record.device']);
  bytes.write(fields.parentExe ?? '', LAYOUT['exec_record.parent_exe']);
  bytes.write(fields.comm ?? '', LAYOUT['exec_record.comm']);
  path.copy(bytes, LAYOUT['exec_record.path']);
  text.copy(bytes, LAYOUT['exec_record.text']);
  return bytes;
}

export function exitRecord(fields: HeaderFields & { status?: number }): Buffer {
  const bytes = record(LAYOUT.RECORD_EXIT, LAYOUT['sizeof exit_record'], fields);
  bytes.writeUInt32LE(fields.status ?? 0, LAYOUT['exit_record.status']);
  return bytes;
}

export function openRecord(fields: HeaderFields & { path: string; exe: string; openFlags?: number }): Buffer {
  const bytes = record(LAYOUT.RECORD_OPEN, LAYOUT['sizeof open_record'], fields);
  const path = leafFirst(fields.path);
  bytes.writeUInt32LE(fields.openFlags ?? 0, LAYOUT['open_record.open_flags']);
  bytes.writeUInt32LE(path.length, LAYOUT['open_record.path_bytes']);
  bytes.write(fields.exe, LAYOUT['open_record.exe']);
  path.copy(bytes, LAYOUT['open_record.path']);
  return bytes;
}

export interface FlowFields extends HeaderFields {
  protocol?: 'tcp' | 'udp';
  direction: 'connect' | 'accept';
  peer: string;
  port: number;
  exe?: string;
}

function flowKey(bytes: Buffer, at: number, fields: FlowFields): void {
  bytes.writeUInt16LE(fields.slot ?? 2, at + LAYOUT['flow_key.slot']);
  const protocol = fields.protocol === 'udp' ? LAYOUT.FLOW_UDP : LAYOUT.FLOW_TCP;
  bytes.writeUInt8(protocol, at + LAYOUT['flow_key.protocol']);
  bytes.writeUInt16LE(fields.port, at + LAYOUT['flow_key.port']);
  const direction = fields.direction === 'connect' ? LAYOUT.FLOW_CONNECT : LAYOUT.FLOW_ACCEPT;
  bytes.writeUInt8(direction, at + LAYOUT['flow_key.direction']);
  bytes.writeUInt8(address(bytes, at + LAYOUT['flow_key.peer'], fields.peer), at + LAYOUT['flow_key.family']);
}

export function flowRecord(fields: FlowFields): Buffer {
  const bytes = record(LAYOUT.RECORD_FLOW, LAYOUT['sizeof flow_record'], {
    ...fields,
    ...(fields.direction === 'accept' ? { pid: 0, start: 0n, parentPid: 0, parentStart: 0n } : {}),
  });
  flowKey(bytes, LAYOUT['flow_record.flow'], fields);
  bytes.write(fields.exe ?? '', LAYOUT['flow_record.exe']);
  return bytes;
}

export function flowEntry(
  fields: FlowFields & {
    opened?: number;
    attempts?: number;
    failures?: number;
    first?: bigint;
    last?: bigint;
    bytesIn?: number;
    bytesOut?: number;
    segmentsIn?: number;
    segmentsOut?: number;
  },
): Buffer {
  const bytes = Buffer.alloc(LAYOUT['sizeof flow_entry']);
  flowKey(bytes, LAYOUT['flow_entry.flow'], fields);
  bytes.writeBigUInt64LE(BigInt(fields.cgroup ?? 500), LAYOUT['flow_entry.cgroup']);
  bytes.writeBigUInt64LE(BigInt(fields.opened ?? 1), LAYOUT['flow_entry.opened']);
  bytes.writeBigUInt64LE(BigInt(fields.attempts ?? 1), LAYOUT['flow_entry.attempts']);
  bytes.writeBigUInt64LE(BigInt(fields.failures ?? 0), LAYOUT['flow_entry.failures']);
  bytes.writeBigUInt64LE(fields.first ?? 1000n * SECOND, LAYOUT['flow_entry.first']);
  bytes.writeBigUInt64LE(fields.last ?? 1000n * SECOND, LAYOUT['flow_entry.last']);
  bytes.writeBigUInt64LE(BigInt(fields.bytesIn ?? 0), LAYOUT['flow_entry.bytes_in']);
  bytes.writeBigUInt64LE(BigInt(fields.bytesOut ?? 0), LAYOUT['flow_entry.bytes_out']);
  bytes.writeBigUInt64LE(BigInt(fields.segmentsIn ?? 0), LAYOUT['flow_entry.segments_in']);
  bytes.writeBigUInt64LE(BigInt(fields.segmentsOut ?? 0), LAYOUT['flow_entry.segments_out']);
  return bytes;
}

export function cgroupRecord(
  fields: HeaderFields & { made: boolean; path: string | null; begun?: boolean },
): Buffer {
  const bytes = record(LAYOUT.RECORD_CGROUP, LAYOUT['sizeof cgroup_record'], fields);
  const made = fields.begun === true ? LAYOUT.CGROUP_BEGUN : LAYOUT.CGROUP_MADE;
  bytes.writeUInt32LE(fields.made ? made : LAYOUT.CGROUP_REMOVED, LAYOUT['cgroup_record.event']);
  if (fields.path === null) return bytes;
  const path = Buffer.from(`${fields.path}\0`);
  bytes.writeUInt32LE(path.length, LAYOUT['cgroup_record.path_bytes']);
  path.copy(bytes, LAYOUT['cgroup_record.path']);
  return bytes;
}

const DENIED = { connect: LAYOUT.DENIED_CONNECT, send: LAYOUT.DENIED_SEND, exec: LAYOUT.DENIED_EXEC };

export function pairRecord(
  fields: HeaderFields & { tid: number; previous: number; current: number },
): Buffer {
  const bytes = record(LAYOUT.RECORD_PAIR, LAYOUT['sizeof pair_record'], fields);
  bytes.writeUInt32LE(fields.tid, LAYOUT['record_header.tid']);
  bytes.writeUInt32LE(fields.previous, LAYOUT['pair_record.previous']);
  bytes.writeUInt32LE(fields.current, LAYOUT['pair_record.current']);
  return bytes;
}

export function deniedRecord(
  fields: HeaderFields & { what: keyof typeof DENIED; peer?: string; port?: number },
): Buffer {
  const bytes = record(LAYOUT.RECORD_DENIED, LAYOUT['sizeof denied_record'], fields);
  bytes.writeUInt32LE(DENIED[fields.what], LAYOUT['denied_record.what']);
  bytes.writeUInt16LE(fields.port ?? 0, LAYOUT['denied_record.port']);
  if (fields.peer !== undefined)
    bytes.writeUInt8(
      address(bytes, LAYOUT['denied_record.peer'], fields.peer),
      LAYOUT['denied_record.family'],
    );
  return bytes;
}

export interface NovelFields extends HeaderFields {
  /** Such as FOLDER_READ: the end of the constant's name. */
  what: string;
  key?: bigint;
  path?: string;
  flags?: number;
  value?: number;
  protocol?: number;
  port?: number;
  exe?: string;
}

export function novelRecord(fields: NovelFields): Buffer {
  const bytes = record(LAYOUT.RECORD_NOVEL, LAYOUT['sizeof novel_record'], fields);
  const path = leafFirst(fields.path ?? '');
  bytes.writeBigUInt64LE(fields.key ?? 1000n, LAYOUT['novel_record.key']);
  bytes.writeUInt32LE(
    (LAYOUT as Record<string, number>)[`NOVEL_${fields.what}`] ?? 0,
    LAYOUT['novel_record.what'],
  );
  bytes.writeUInt32LE(fields.flags ?? 0, LAYOUT['novel_record.flags']);
  bytes.writeUInt32LE(fields.value ?? 0, LAYOUT['novel_record.value']);
  bytes.writeUInt16LE(fields.port ?? 0, LAYOUT['novel_record.port']);
  bytes.writeUInt8(fields.protocol ?? 0, LAYOUT['novel_record.protocol']);
  bytes.writeUInt32LE(path.length, LAYOUT['novel_record.path_bytes']);
  bytes.write(fields.exe ?? '', LAYOUT['novel_record.exe']);
  path.copy(bytes, LAYOUT['novel_record.path']);
  return bytes;
}

export interface ActionFields extends HeaderFields {
  /** Such as SETNS: the end of the constant's name. */
  action: string;
  exe: string;
  call?: number;
  result?: bigint;
  args?: readonly bigint[];
  flags?: number;
  target?: { pid: number; start: bigint; slot: number };
  name?: string;
  path?: string;
}

export function actionRecord(fields: ActionFields): Buffer {
  const bytes = record(LAYOUT.RECORD_ACTION, LAYOUT['sizeof action_record'], fields);
  const at = (member: string): number => (LAYOUT as Record<string, number>)[`action_record.${member}`] ?? 0;
  const action = (LAYOUT as Record<string, number>)[`ACTION_${fields.action}`];
  if (action === undefined) throw new Error(`no action ${fields.action}`);
  const claimed = ((fields.flags ?? 0) & LAYOUT.PATH_CLAIMED) !== 0;
  const path = claimed ? Buffer.from(`${fields.path}\0`) : leafFirst(fields.path ?? '');
  bytes.writeUInt32LE(action, at('action'));
  bytes.writeUInt32LE(fields.call ?? LAYOUT.ACTION_NO_CALL, at('number'));
  bytes.writeBigInt64LE(fields.result ?? 0n, at('result'));
  for (const [index, value] of (fields.args ?? []).entries())
    bytes.writeBigUInt64LE(value, at('args') + 8 * index);
  bytes.writeUInt32LE(fields.flags ?? 0, at('flags'));
  bytes.writeUInt32LE(path.length, at('path_bytes'));
  bytes.writeUInt32LE(fields.target?.pid ?? 0, at('target_pid'));
  bytes.writeUInt32LE(fields.target?.slot ?? 0, at('target_slot'));
  bytes.writeBigUInt64LE(fields.target?.start ?? 0n, at('target_start'));
  bytes.write(fields.exe, at('exe'));
  bytes.write(fields.name ?? '', at('name'));
  path.copy(bytes, at('path'));
  return bytes;
}

export interface DnsFields extends HeaderFields {
  /** Such as ANSWER: the end of the constant's name. */
  what: string;
  server: string;
  message: Buffer;
  /** Of the message where it is longer than what is kept. */
  total?: number;
  exe?: string;
}

export function dnsRecord(fields: DnsFields): Buffer {
  const bytes = record(LAYOUT.RECORD_DNS, LAYOUT['sizeof dns_record'], fields);
  flowKey(bytes, LAYOUT['dns_record.flow'], {
    ...fields,
    protocol: 'udp',
    direction: 'connect',
    peer: fields.server,
    port: 53,
  });
  const what = (LAYOUT as Record<string, number>)[`DNS_${fields.what}`] ?? 0;
  bytes.writeUInt32LE(fields.total ?? fields.message.length, LAYOUT['dns_record.total']);
  bytes.writeUInt16LE(Math.min(fields.message.length, LAYOUT.DNS_BYTES), LAYOUT['dns_record.used']);
  bytes.writeUInt16LE(40_000, LAYOUT['dns_record.own_port']);
  bytes.writeUInt8(what, LAYOUT['dns_record.what']);
  bytes.write(fields.exe ?? '', LAYOUT['dns_record.exe']);
  fields.message.copy(bytes, LAYOUT['dns_record.message'], 0, LAYOUT.DNS_BYTES);
  return bytes;
}
