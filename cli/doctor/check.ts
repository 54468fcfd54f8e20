/** One line of `picket doctor`. */
export interface Check {
  readonly name: string;
  readonly state: 'OK' | 'WARN' | 'FAIL';
  readonly found: string;
  /** What it costs when it is not OK. */
  readonly cost?: string;
  readonly todo?: string;
  /** Ids of behaviours that are not seen because of it. */
  readonly coverage?: readonly string[];
}

export const ok = (name: string, found: string): Check => ({ name, state: 'OK', found });

export const warn = (name: string, found: string, cost: string, todo: string): Check => ({
  name,
  state: 'WARN',
  found,
  cost,
  todo,
});

export const fail = (name: string, found: string, cost: string, todo: string): Check => ({
  name,
  state: 'FAIL',
  found,
  cost,
  todo,
});
