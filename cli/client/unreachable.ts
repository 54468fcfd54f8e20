/** Nothing answers where an agent or central should: exit code 3. */
export class UnreachableError extends Error {
  readonly code = 'PICKET_UNREACHABLE';
}

/** Nothing of it is on this machine: it runs elsewhere, as central and agents of a cluster do, each in pods of their own. */
export class NotHereError extends UnreachableError {}

/** Whether a file was not found, by the code that the system gave. */
export const isMissing = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
