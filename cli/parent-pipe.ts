/** A file of its own: every start of picket looks for it, and what starts children takes some milliseconds to load. */

/** Set for a child whose standard input tells that its parent lives. */
export const PARENT_PIPE = 'PICKET_INTERNAL_PARENT_PIPE';
