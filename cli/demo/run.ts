/** Runs one host program to its end. */
import { execFile } from 'node:child_process';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Never rejects for an exit code; rejects when the program cannot be started or runs longer than `timeoutMs`. */
export function run(
  file: string,
  args: readonly string[],
  options: { timeoutMs?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    execFile(
      file,
      args,
      { timeout: options.timeoutMs ?? 20_000, maxBuffer: 1 << 24, env: options.env ?? process.env },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else
          reject(
            new Error(`${file} ${args.join(' ')}: ${error?.message ?? 'was ended by a signal'}`, {
              cause: error,
            }),
          );
      },
    );
  });
}

/** @throws when the exit code is not 0, with the program's own words. */
export async function must(file: string, args: readonly string[], timeoutMs?: number): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, timeoutMs === undefined ? {} : { timeoutMs });
  if (code !== 0)
    throw new Error(`${file} ${args.join(' ')}: exit code ${code}: ${stderr.trim() || stdout.trim()}`);
  return stdout;
}
