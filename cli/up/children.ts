/** The two processes of `picket up`: central, then the agent that joins it. */
import { join } from 'node:path';
import { Child } from '../child.ts';
import type { Io } from '../command.ts';
import { type AllSettings, ROW_SETS } from '../settings.ts';

type Flags = Readonly<Record<string, string | true>>;

/** Those of `flags` that the process takes; what the environment and the file say, it reads itself. */
export function flagsFor(process: 'agent' | 'central', flags: Flags): string[] {
  const rows = ROW_SETS[process];
  return Object.entries(flags)
    .filter(([name]) => rows[name] !== undefined)
    .map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`));
}

/** Where the agent finds what central made, unless the operator named other files. */
export function joinFlags(values: AllSettings): Flags {
  const folder = join(values['state-folder'], 'central');
  return {
    ...(values['join-token-file'] === '' ? { 'join-token-file': join(folder, 'join-token') } : {}),
    ...(values['ca-file'] === '' ? { 'ca-file': join(folder, 'ca.crt') } : {}),
  };
}

interface StartOptions {
  readonly io: Io;
  readonly values: AllSettings;
  readonly flags: Flags;
  readonly onLine?: (line: string) => void;
}

export function startCentral({ io, values, flags }: StartOptions): Child {
  return new Child({
    entry: io.entry,
    args: ['central', ...flagsFor('central', flags)],
    logFile: join(values['state-folder'], 'logs', 'central.log'),
    environment: io.environment,
  });
}

/** `more` are flags of the process that are not settings. */
export function startAgent({ io, values, flags, onLine }: StartOptions, more: readonly string[] = []): Child {
  return new Child({
    entry: io.entry,
    args: ['agent', ...flagsFor('agent', { ...flags, ...joinFlags(values) }), ...more],
    logFile: join(values['state-folder'], 'logs', 'agent.log'),
    environment: io.environment,
    ...(onLine === undefined ? {} : { onLine }),
  });
}
