/** What an order does, out of its row. */
import type { Action } from '../respond/policy.ts';
import type { Tables } from './schema.ts';

export type OrderAction = Omit<Action, 'cluster' | 'leaseMs'>;

export function orderAction(
  row: Pick<
    Tables['orders'],
    'network_deny' | 'kill_on_exec' | 'exec_deny' | 'cut_probes' | 'allow' | 'freeze' | 'kill'
  >,
): OrderAction {
  return {
    networkDeny: row.network_deny === 1,
    killOnExec: row.kill_on_exec === 1,
    execDeny: row.exec_deny === 1,
    cutProbes: row.cut_probes === 1,
    allow: JSON.parse(row.allow) as string[],
    freeze: row.freeze === 1,
    kill: row.kill === 1,
  };
}
