/** Nothing answers where an agent or central should: exit code 3. */
export class UnreachableError extends Error {
  readonly code = 'PICKET_UNREACHABLE';
}
