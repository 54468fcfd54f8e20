/** Takes out of a frame what may hold secrets: arguments of programs and everything of a pod that identity does not use. */
import { createHash } from 'node:crypto';
import type { Frame } from './frame.ts';
import { LAYOUT } from './layout.ts';

/** Arguments of one exec record become the name of the program and a hash of the rest. */
function redactArgs(record: Buffer): void {
  const at = LAYOUT['exec_record.args'];
  const used = Math.min(record.readUInt32LE(LAYOUT['exec_record.args_bytes']), LAYOUT.ARGS_BYTES);
  const field = record.subarray(at, at + LAYOUT.ARGS_BYTES);
  const args = field.subarray(0, used).toString('utf8');
  const end = args.indexOf('\0');
  const name = end < 0 ? args : args.slice(0, end);
  const hash = createHash('sha256').update(field.subarray(0, used)).digest('hex').slice(0, 16);
  const text = Buffer.from(
    `${name.slice(name.lastIndexOf('/') + 1, name.length).slice(0, 64)}\0redacted:${hash}\0`,
  );
  field.fill(0);
  const length = text.copy(field);
  record.writeUInt32LE(length, LAYOUT['exec_record.args_bytes']);
}

function redactRecords(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  for (let at = 0; at + LAYOUT['sizeof record_header'] <= copy.length; ) {
    const size = copy.readUInt32LE(at + LAYOUT['record_header.size']);
    if (size < LAYOUT['sizeof record_header'] || at + size > copy.length) return copy.subarray(0, at);
    const kind = copy.readUInt32LE(at + LAYOUT['record_header.kind']);
    if (kind === LAYOUT.RECORD_EXEC && size === LAYOUT['sizeof exec_record'])
      redactArgs(copy.subarray(at, at + size));
    at += size;
  }
  return copy;
}

/** Keys of a pod that identity uses; all others are left out, such as environments, arguments and annotations. */
const KEPT: ReadonlySet<string> = new Set(
  (
    'kind apiVersion items metadata name namespace uid labels pod-template-hash annotations kubernetes.io/config.hash ownerReferences controller ' +
    'spec nodeName hostNetwork status podIPs ip containerStatuses initContainerStatuses ephemeralContainerStatuses containerID image imageID'
  ).split(' '),
);

function redactPods(list: string): string {
  try {
    const all: unknown = JSON.parse(list);
    return JSON.stringify(all, (key, value: unknown) =>
      key === '' || /^\d+$/.test(key) || KEPT.has(key) ? value : undefined,
    );
  } catch {
    // What is no JSON names no pods; the pipeline reports it from this text just as well.
    return 'redacted';
  }
}

/** The frame without arguments and pod specifications; file names, addresses and counts stay. */
export function redact(frame: Frame): Frame {
  if (frame.kind === 'records') return { kind: 'records', bytes: redactRecords(frame.bytes) };
  if (frame.kind === 'pods') return { kind: 'pods', list: redactPods(frame.list) };
  return frame;
}
