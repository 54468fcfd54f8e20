/** How the agent comes to a certificate of its own: the first with a token, later ones with the one it has. */
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { setPriority } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Credentials } from './client.ts';
import type { Enrolled } from './files.ts';

export interface EnrolRequest {
  readonly url: string;
  readonly cluster: string;
  readonly node: string;
  /** PEM that central's certificate must be signed by. */
  readonly ca: string;
  /** Empty for a renewal. */
  readonly token: string;
  /** The token is a service account's, not the join token. */
  readonly byAccount?: boolean;
  /** The certificate to be renewed, or null for a first enrolment. */
  readonly credentials: Credentials | null;
}

export type EnrolAnswer =
  | { readonly ok: true; readonly enrolled: Enrolled }
  | { readonly ok: false; readonly code: string; readonly message: string };

function lower(pid: number): void {
  try {
    setPriority(pid, 0);
  } catch {
    // It has ended already: what it said tells why.
  }
}

/** Runs agent/uplink/enrol-main in a process of its own. Never throws for what central answers. */
export async function enrol(request: EnrolRequest, signal: AbortSignal): Promise<EnrolAnswer> {
  const main = import.meta.url.endsWith('.ts') ? './enrol-main.ts' : './enrol-main.js';
  const child = spawn(process.execPath, [fileURLToPath(new URL(main, import.meta.url))], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
  });
  // It has the agent's priority from its birth, and no hurry.
  if (child.pid !== undefined) lower(child.pid);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, by) => resolve(code === 0 ? '' : `it ended with ${by ?? code}`));
  });
  // A child that died before it read all: its exit says so.
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(request));
  const [answer, complaint, problem] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (problem !== '' || answer === '')
    return { ok: false, code: 'ENROL_PROCESS', message: `${problem} ${complaint.slice(0, 1024)}`.trim() };
  return JSON.parse(answer) as EnrolAnswer;
}

/** Whether less than a third of the certificate's life is left. @throws when it is not a certificate. */
export function dueForRenewal(certificate: string, nowMs: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return to - nowMs < (to - from) / 3;
}
