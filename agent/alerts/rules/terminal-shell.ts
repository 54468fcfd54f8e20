import { isRuntimeName } from './privileges.ts';
import { isShell } from './programs.ts';
import type { Rule } from './rule.ts';

export const terminalShell: Rule = {
  name: 'terminal-shell',
  sentence: 'A shell with a terminal was started in a container from outside, as `kubectl exec -it` does.',
  techniques: ['T1059.004', 'T1609'],
  severity: 'low',
  knobs: {},
  on: ['exec'],
  next: 'Find in the audit log of the cluster who it is.',
  match(event, { container }) {
    if (event.kind !== 'exec' || container.kind !== 'container') return null;
    if (!isShell(event.exe) || event.stdin !== 'terminal' || !isRuntimeName(event.parentExe)) return null;
    return {
      severity: 'low',
      score: 0.3,
      summary: `${event.exe} was started with a terminal in the container`,
      subject: event.exe,
      techniques: ['T1059.004', 'T1609'],
      facts: { parent: event.parentExe, path: event.path },
    };
  },
};
