import type { ExecEvent } from '../../events/event.ts';
import { isInterpreter, isShell } from './programs.ts';
import type { Rule } from './rule.ts';

/** Which of its input and output reach another machine. */
function ends(event: ExecEvent): string {
  const input = event.stdin === 'network';
  const output = event.stdout === 'network';
  if (input && output) return 'input and output';
  if (input) return 'input';
  return output ? 'output' : '';
}

export const shellOnSocket: Rule = {
  name: 'shell-on-socket',
  sentence: 'A shell or interpreter was started with a network connection as its input or output.',
  techniques: ['T1059.004', 'T1071'],
  severity: 'high',
  knobs: {},
  on: ['exec'],
  next: 'Somebody at the other end types commands: cut the container off, then look for how the shell was started.',
  match(event, { container }) {
    if (event.kind !== 'exec') return null;
    const which = ends(event);
    const shell = isShell(event.exe);
    if (which === '' || !(shell || isInterpreter(event.exe))) return null;
    // Interpreters also serve connections that a super-server accepted for them.
    const high = shell && container.kind !== 'host';
    return {
      severity: high ? 'high' : 'medium',
      score: high ? 0.9 : 0.6,
      summary: `${event.parentExe || 'a process'} ran ${event.exe} with a network connection as its ${which}`,
      subject: `${event.parentExe} ${event.exe}`,
      techniques: ['T1059.004', 'T1071'],
      facts: { parent: event.parentExe, path: event.path, connection: which },
    };
  },
};
