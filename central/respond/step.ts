/** A line of the append-only table of steps. */
export interface Step {
  readonly atMs: number;
  /** `policy:NAME`, `node:NAME`, `central`, or a person's name. */
  readonly actor: string;
  readonly action:
    | 'plan'
    | 'contain'
    | 'approve'
    | 'refuse'
    | 'undo'
    | 'answer'
    | 'expire'
    | 'policies'
    | 'enrol'
    | 'feedback'
    | 'except'
    | 'revoke'
    | 'rerank';
  readonly incident: string;
  readonly order: string;
  readonly text: string;
}
