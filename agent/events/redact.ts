/**
 * Takes out of a frame what may hold secrets: arguments of programs, names asked for over DNS, and everything of a pod that
 * identity does not use.
 */
import { createHash } from 'node:crypto';
import { CANARY, type Frame } from './frame.ts';
import { LAYOUT } from './layout.ts';
import { redactDns } from './redact-dns.ts';

const TEXT = LAYOUT['exec_record.text'];

const redactedArgs = (vector: Uint8Array): string =>
  `redacted:${createHash('sha256').update(vector).digest('hex').slice(0, 16)}`;

/**
 * An exec record whose arguments are the name of the program and a hash of the rest, and whose script is only its last
 * name. The kernel's own hash goes: who knows its key could try guesses on it.
 */
function redactExec(record: Buffer): Buffer {
  const used = Math.min(record.readUInt32LE(LAYOUT['exec_record.args_bytes']), record.length - TEXT);
  const vector = record.subarray(TEXT, TEXT + used);
  const args = vector.toString('utf8');
  const end = args.indexOf('\0');
  const name = end < 0 ? args : args.slice(0, end);
  const text = Buffer.from(
    `${name.slice(name.lastIndexOf('/') + 1).slice(0, 64)}\0${redactedArgs(vector)}\0`,
  );
  const script = scriptName(record, TEXT + wholeWords(used));
  const scriptAt = TEXT + wholeWords(text.length);
  const redacted = Buffer.alloc(scriptAt + wholeWords(script.length));
  record.copy(redacted, 0, 0, TEXT);
  text.copy(redacted, TEXT);
  script.copy(redacted, scriptAt);
  redacted.writeUInt32LE(redacted.length, LAYOUT['record_header.size']);
  redacted.writeUInt32LE(text.length, LAYOUT['exec_record.args_bytes']);
  redacted.writeUInt32LE(script.length, LAYOUT['exec_record.script_bytes']);
  const flags = record.readUInt32LE(LAYOUT['exec_record.flags']) & ~LAYOUT.ARGS_CUT;
  redacted.writeUInt32LE(flags, LAYOUT['exec_record.flags']);
  redacted.writeBigUInt64LE(0n, LAYOUT['exec_record.args_hash']);
  return redacted;
}

const wholeWords = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** File names stay; what stands before one is the caller's text. */
function scriptName(record: Buffer, at: number): Buffer {
  const bytes = Math.min(record.readUInt32LE(LAYOUT['exec_record.script_bytes']), record.length - at);
  if (bytes <= 0) return Buffer.alloc(0);
  const text = record.subarray(at, at + bytes);
  return text.subarray(text.lastIndexOf(0x2f) + 1);
}

function redactOne(record: Buffer, kind: number): Buffer {
  if (kind === LAYOUT.RECORD_EXEC && record.length >= TEXT) return redactExec(record);
  if (kind === LAYOUT.RECORD_DNS && record.length === LAYOUT['sizeof dns_record']) return redactDns(record);
  return record;
}

function redactRecords(bytes: Uint8Array): Uint8Array {
  const all = Buffer.from(bytes);
  const parts: Buffer[] = [];
  for (let at = 0; at + LAYOUT['sizeof record_header'] <= all.length; ) {
    const size = all.readUInt32LE(at + LAYOUT['record_header.size']);
    if (size < LAYOUT['sizeof record_header'] || at + size > all.length) break;
    const kind = all.readUInt32LE(at + LAYOUT['record_header.kind']);
    const record = all.subarray(at, at + size);
    parts.push(redactOne(record, kind));
    at += size;
  }
  return Buffer.concat(parts);
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

/** The frame without arguments, DNS names and pod specifications; file names, addresses and counts stay. */
export function redact(frame: Frame): Frame {
  if (frame.kind === 'records') return { kind: 'records', bytes: redactRecords(frame.bytes) };
  if (frame.kind === 'pods') return { kind: 'pods', list: redactPods(frame.list) };
  if (frame.kind === 'canary')
    return { ...frame, nonce: redactedArgs(Buffer.from(`${CANARY}\0${frame.nonce}\0`)) };
  return frame;
}
