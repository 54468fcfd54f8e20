/** What a command gets and gives. */
import type { CommandShape, Parsed } from './args.ts';
import type { AllSettings } from './settings.ts';

/** The world as a command sees it; tests give another. */
export interface Io {
  out(text: string): void;
  error(text: string): void;
  readonly environment: NodeJS.ProcessEnv;
  /** Standard output is a terminal. */
  readonly terminal: boolean;
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** File that starts picket with the running Node: for children. */
  readonly entry: string;
}

export interface Call extends Parsed {
  readonly values: AllSettings;
  readonly io: Io;
}

export interface Command extends CommandShape {
  /** @returns the exit code. */
  run(call: Call): Promise<number>;
}

/** One value as indented JSON, with bigint as text. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item),
    1,
  );
}
