/** Runs a command in this process with streams that are kept. */
import { main } from '../../cli/main.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

export async function runPicket(
  argv: readonly string[],
  options: { environment?: NodeJS.ProcessEnv; signal?: AbortSignal; onOut?: (text: string) => void } = {},
): Promise<Ran> {
  const kept = { out: '', error: '' };
  const code = await main(argv, {
    out(text) {
      kept.out += text;
      options.onOut?.(text);
    },
    error(text) {
      kept.error += text;
    },
    environment: options.environment ?? {},
    terminal: false,
    signal: options.signal ?? new AbortController().signal,
    entry: '/nonexistent',
  });
  return { code, ...kept };
}
