import type { ExecEvent } from '../../events/event.ts';
import type { Rule } from './rule.ts';

const FOLDERS = {
  default: ['/tmp/', '/var/tmp/', '/dev/shm/', '/run/shm/'],
  sentence: 'Folders that everybody may write to and that no package installs programs in.',
} as const;

// Container runtimes run a sealed copy of themselves from memory (CVE-2019-5736); their parents are these.
const RUNTIMES = new Set(['runc', 'crun', 'youki', 'containerd-shim-runc-v2', 'containerd-shim', 'conmon']);
// Names those copies carry, and the file name `exe` where it is opened through /proc/self/exe.
const RUNTIME_COPIES = /^(memfd:)?(runc_cloned|crun|youki|exe|runc|libcontainer)/;

interface Origin {
  readonly what: string;
  readonly technique: string;
  readonly high: boolean;
}

function originOf(event: ExecEvent): Origin | null {
  if (event.memfd) return { what: 'from memory, without a file', technique: 'T1620', high: true };
  if (event.deleted) return { what: 'from a file that was deleted', technique: 'T1070.004', high: true };
  const folder = FOLDERS.default.find((start) => event.path.startsWith(start));
  return folder === undefined
    ? null
    : { what: `from ${folder.slice(0, -1)}`, technique: 'T1059', high: false };
}

export const execFromMemoryOrTemp: Rule = {
  name: 'exec-from-memory-or-temp',
  sentence: 'A program was run from memory, from a deleted file or from a folder for temporary files.',
  techniques: ['T1620', 'T1070.004', 'T1059'],
  severity: 'high',
  knobs: { folders: FOLDERS },
  on: ['exec'],
  next: 'Save the executable through /proc/PID/exe while the process lives.',
  match(event, { container }) {
    if (event.kind !== 'exec') return null;
    const origin = originOf(event);
    if (origin === null) return null;
    if (RUNTIMES.has(event.parentExe) && RUNTIME_COPIES.test(event.exe)) return null;
    const high = origin.high && container.kind !== 'host';
    return {
      severity: high ? 'high' : container.kind === 'host' ? 'low' : 'medium',
      score: high ? 0.85 : 0.6,
      summary: `${event.parentExe || 'a process'} ran ${event.path} ${origin.what}`,
      subject: `${event.parentExe} ${event.path}`,
      techniques: [origin.technique],
      facts: { parent: event.parentExe, path: event.path, origin: origin.what },
    };
  },
};
