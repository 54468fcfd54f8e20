/** Something a person asked for that is not done; a value, because people make mistakes. */
export interface Declined {
  readonly declined: 'not-found' | 'conflict' | 'forbidden';
  readonly message: string;
}
