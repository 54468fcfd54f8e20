/** The root logger: JSON lines on a file descriptor, a named child per folder, message constant, facts as fields. */
import { type Logger, pino } from 'pino';
import type { LogLevel } from './log-level.ts';

export type Log = Logger;

/** Values under these keys are replaced at any depth of two: they are credentials. */
const REDACTED = [
  'token',
  'authorization',
  'password',
  'secret',
  'key',
  '*.token',
  '*.authorization',
  '*.password',
  '*.secret',
  '*.key',
];

/** A logger named after its process; `destination` is a file path or descriptor (2: standard error). Synchronous, so that nothing is lost at exit. */
export function createLog(options: { name: string; level: LogLevel; destination?: string | number }): Log {
  return pino(
    {
      level: options.level,
      base: { process: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: REDACTED,
    },
    pino.destination({ dest: options.destination ?? 2, sync: true, mkdir: true }),
  );
}
