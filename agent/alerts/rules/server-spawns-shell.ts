import type { ExecEvent } from '../../events/event.ts';
import { MULTI_CALL, SHELLS } from '../../features/programs.ts';
import { isServer, isShell } from './programs.ts';
import type { Rule } from './rule.ts';

const MIN_AGE = {
  default: 10,
  sentence: 'Seconds a server must have run before a shell of it counts; start-up scripts are over by then.',
} as const;

/** The shell a start is, also as an applet of busybox; or null. */
function shellOf(event: ExecEvent): string | null {
  if (isShell(event.exe)) return event.exe;
  const applet = (event.args[0] ?? '').replace(/^.*\//, '');
  if (!MULTI_CALL.has(event.exe)) return null;
  const named = MULTI_CALL.has(applet) ? (event.args[1] ?? '') : applet;
  return SHELLS.has(named) ? named : null;
}

export const serverSpawnsShell: Rule = {
  name: 'server-spawns-shell',
  sentence: 'A server that has been running for a while started a shell.',
  techniques: ['T1059.004', 'T1190'],
  severity: 'high',
  knobs: { 'min-age': MIN_AGE },
  on: ['exec'],
  next: 'Look at the requests the server answered just before, and at what the shell started.',
  match(event, { container }) {
    // On the host itself an interpreter that starts a shell is everyday administration.
    if (event.kind !== 'exec' || container.kind === 'host') return null;
    const shell = shellOf(event);
    const age = event.time - event.process.parentStart;
    if (shell === null || !isServer(event.parentExe)) return null;
    if (event.process.parentStart !== 0n && age < BigInt(MIN_AGE.default) * 1_000_000_000n) return null;
    return {
      severity: 'high',
      score: 0.85,
      summary: `${event.parentExe} started the shell ${shell}`,
      subject: `${event.parentExe} ${event.path}`,
      techniques: ['T1059.004', 'T1190'],
      facts: { parent: event.parentExe, shell: event.path },
    };
  },
};
