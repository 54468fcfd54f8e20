import type { FlowEvent } from '../../events/event.ts';
import type { KnownProcess } from '../../identity/processes.ts';
import { isCaller, isInterpreter, isServer, isShell } from './programs.ts';
import type { Rule, RuleContext } from './rule.ts';

const START_UP = {
  default: 15,
  sentence:
    'Seconds after the start of a container in which shells are its entry point and their children its servers.',
} as const;
const START_UP_NS = BigInt(START_UP.default) * 1_000_000_000n;

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

/** A shell that is no part of the container's start, in the process or above it. */
function shellAbove({ lineage, container }: RuleContext): KnownProcess | null {
  for (const [index, process] of lineage.entries()) {
    const ran = index === 0 ? [...process.before, process.exe] : [process.exe, ...process.before];
    if (!ran.some(isShell)) continue;
    const madeAt = container.madeAt;
    const startUp = madeAt !== null && process.start - madeAt < START_UP_NS;
    // A shell that was there before picket looked is somebody's entry point as likely as not.
    if (!startUp && process.execAt !== null) return process;
  }
  return null;
}

/** The server that started the shell, directly or through others. */
function serverAbove(lineage: readonly KnownProcess[], shell: KnownProcess): KnownProcess | undefined {
  return lineage.slice(lineage.indexOf(shell) + 1).find((process) => isServer(process.exe));
}

function calls(event: FlowEvent, shell: KnownProcess | null): boolean {
  if (isShell(event.exe)) return true; // shells do not connect by themselves, but for /dev/tcp
  return shell !== null && (isCaller(event.exe) || isInterpreter(event.exe));
}

export const shellCallsOut: Rule = {
  name: 'shell-calls-out',
  sentence: 'A shell, or a transfer tool or interpreter started from one, opened a connection.',
  techniques: ['T1059.004', 'T1071', 'T1105'],
  severity: 'high',
  knobs: { 'start-up': START_UP },
  on: ['flow'],
  next: 'Look at who is behind the peer, and cut the container off if the connection was not meant to be.',
  match(event, context) {
    if (event.kind !== 'flow' || event.direction !== 'connect' || isLoopback(event.peer)) return null;
    if (context.container.kind === 'host') return null;
    const shell = shellAbove(context);
    if (!calls(event, shell)) return null;
    const server = shell === null ? undefined : serverAbove(context.lineage, shell);
    const sure = isShell(event.exe) || server !== undefined;
    const from = server === undefined ? '' : `, in a shell started by ${server.exe}`;
    return {
      severity: sure ? 'high' : 'medium',
      score: sure ? 0.85 : 0.6,
      summary: `${event.exe} connected to ${event.peer} port ${event.port}${from}`,
      subject: `${event.exe} ${event.peer} ${event.port}`,
      techniques: isShell(event.exe) ? ['T1059.004', 'T1071'] : ['T1071', 'T1105'],
      facts: { program: event.exe, peer: event.peer, port: String(event.port) },
    };
  },
};
