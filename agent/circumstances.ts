/** What a detection tells of its circumstances: the process, how it was started, what it descends from, what was lost. */
import { createHash } from 'node:crypto';
import type { Actor } from './alerts/detection.ts';
import type { Event, ExecEvent } from './events/event.ts';
import { type KnownProcess, processKey } from './identity/processes.ts';
import type { Watched } from './watched.ts';

export function sumOf(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

export function actorOf(event: Event, lineage: readonly KnownProcess[]): Actor | null {
  const { pid, start, parentPid, uid } = event.process;
  if (pid === 0) return null;
  const [known, parent] = lineage;
  return {
    pid,
    startNs: start,
    exe: 'exe' in event && event.exe !== '' ? event.exe : (known?.exe ?? ''),
    parent: event.kind === 'exec' ? event.parentExe : (parent?.exe ?? ''),
    parentPid,
    uid,
  };
}

/** Of the arguments as far as they were kept. */
export const argsPrint = ({ args, argsTail }: ExecEvent): string =>
  createHash('sha256')
    .update([...args, ...argsTail].join('\0'))
    .digest('hex')
    .slice(0, 16);

/** What helps to find the start again without telling its arguments, which may hold secrets. */
export function evidenceOf(event: Event | null): Record<string, string> {
  if (event?.kind !== 'exec') return {};
  return {
    path: event.path,
    ...(event.script === null ? {} : { claimed_script: event.script }),
    args_sha256: argsPrint(event),
    args_bytes: String(event.argsTotal),
    // Of the whole vector, also where only its ends are kept; the key lasts as long as the boot.
    args_hash: event.argsHash.toString(16).padStart(16, '0'),
  };
}

/** An address and the name that led to it stand beside each other, whichever of them the fact has. */
export function peerEvidence(event: Event | null, { names }: Watched): Record<string, string> {
  if (event?.kind === 'dns') return { dns_name: event.name, dns_type: event.type, dns_server: event.server };
  if (event?.kind !== 'flow') return {};
  const name = names.nameOf(event.peer, event.time);
  return { peer: event.peer, ...(name === null ? {} : { peer_name: name }) };
}

export function lineageKeys(lineage: readonly KnownProcess[], actor: Actor | null): string[] {
  if (actor === null) return [];
  const keys = new Set([processKey(actor.pid, actor.startNs)]);
  for (const process of lineage) {
    keys.add(processKey(process.pid, process.start));
    if (process.parentPid > 1) keys.add(processKey(process.parentPid, process.parentStart));
  }
  return [...keys];
}
