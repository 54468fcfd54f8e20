/** The list of rules. */
import { containmentDenied } from './containment-denied.ts';
import { execFromMemoryOrTemp } from './exec-from-memory-or-temp.ts';
import type { Rule } from './rule.ts';
import { secretRead } from './secret-read.ts';
import { serverSpawnsShell } from './server-spawns-shell.ts';
import { shellCallsOut } from './shell-calls-out.ts';
import { toolInContainer } from './tool-in-container.ts';

export const RULES: readonly Rule[] = [
  serverSpawnsShell,
  secretRead,
  shellCallsOut,
  execFromMemoryOrTemp,
  containmentDenied,
  toolInContainer,
];
