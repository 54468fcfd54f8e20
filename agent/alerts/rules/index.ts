/** The list of rules. */
import { codeInMemory } from './code-in-memory.ts';
import { containmentDenied } from './containment-denied.ts';
import { escapeAttempt } from './escape-attempt.ts';
import { execFromMemoryOrTemp } from './exec-from-memory-or-temp.ts';
import { fileTampering } from './file-tampering.ts';
import { processInjection } from './process-injection.ts';
import { rawSocket } from './raw-socket.ts';
import type { Rule } from './rule.ts';
import { runtimeSocket } from './runtime-socket.ts';
import { secretRead } from './secret-read.ts';
import { serverSpawnsShell } from './server-spawns-shell.ts';
import { shellCallsOut } from './shell-calls-out.ts';
import { shellOnSocket } from './shell-on-socket.ts';
import { stolenId } from './stolen-id.ts';
import { terminalShell } from './terminal-shell.ts';
import { toolInContainer } from './tool-in-container.ts';

export const RULES: readonly Rule[] = [
  serverSpawnsShell,
  secretRead,
  shellCallsOut,
  execFromMemoryOrTemp,
  containmentDenied,
  toolInContainer,
  escapeAttempt,
  processInjection,
  codeInMemory,
  rawSocket,
  runtimeSocket,
  shellOnSocket,
  terminalShell,
  fileTampering,
  stolenId,
];
