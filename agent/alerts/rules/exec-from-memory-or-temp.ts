import type { ExecEvent } from '../../events/event.ts';
import { isStarting, START_UP } from './privileges.ts';
import type { Rule, RuleContext } from './rule.ts';

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
  readonly severity: 'high' | 'medium' | 'low';
}

function originOf(event: ExecEvent, context: RuleContext): Origin | null {
  const onHost = context.container.kind === 'host';
  const grave = onHost ? 'low' : 'high';
  if (event.memfd) return { what: 'from memory, without a file', technique: 'T1620', severity: grave };
  if (event.deleted) return { what: 'from a file that was deleted', technique: 'T1070.004', severity: grave };
  const folder = FOLDERS.default.find((start) => event.path.startsWith(start));
  if (folder !== undefined)
    return { what: `from ${folder.slice(0, -1)}`, technique: 'T1059', severity: onHost ? 'low' : 'medium' };
  if (!event.upper || context.container.kind !== 'container') return null;
  const what = 'from a file that is not as its image has it';
  // Entry points unpack what they run.
  return { what, technique: 'T1036', severity: isStarting(event, context) ? 'low' : 'medium' };
}

const SCORES = { high: 0.85, medium: 0.6, low: 0.6 } as const;

export const execFromMemoryOrTemp: Rule = {
  name: 'exec-from-memory-or-temp',
  sentence:
    'A program was run from memory, from a deleted file, from a folder for temporary files or from a file that its container made or changed.',
  techniques: ['T1620', 'T1070.004', 'T1059', 'T1036'],
  severity: 'high',
  knobs: { folders: FOLDERS, 'start-up': START_UP },
  on: ['exec'],
  next: 'Save the executable through /proc/PID/exe while the process lives.',
  match(event, context) {
    if (event.kind !== 'exec') return null;
    const origin = originOf(event, context);
    if (origin === null) return null;
    if (RUNTIMES.has(event.parentExe) && RUNTIME_COPIES.test(event.exe)) return null;
    return {
      severity: origin.severity,
      score: SCORES[origin.severity],
      summary: `${event.parentExe || 'a process'} ran ${event.path} ${origin.what}`,
      subject: `${event.parentExe} ${event.path}`,
      techniques: [origin.technique],
      facts: { parent: event.parentExe, path: event.path, origin: origin.what },
    };
  },
};
