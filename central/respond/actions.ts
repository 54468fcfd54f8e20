/** What can be done to a container on its node, and whether that can be taken back. */
import type { Action } from './policy.ts';

/** reversible: undone, it is as before. compensable: something else makes up for it. irreversible: neither. */
export type Reversal = 'reversible' | 'compensable' | 'irreversible';
export interface NodeAction {
  readonly name: keyof Pick<Action, 'networkDeny' | 'killOnExec' | 'freeze' | 'kill'>;
  readonly reversal: Reversal;
  readonly undo: string;
  words(action: Action): string;
}

export const NODE_ACTIONS: readonly NodeAction[] = [
  {
    name: 'networkDeny',
    reversal: 'reversible',
    undo: 'release; connections that were open have to be made anew',
    words: ({ cutProbes }) =>
      `cut off the network${cutProbes ? ', probes too' : ', probes of its node let through'}`,
  },
  {
    name: 'killOnExec',
    reversal: 'reversible',
    undo: 'release; what was killed stays so',
    words: () => 'kill what it executes',
  },
  {
    name: 'freeze',
    reversal: 'reversible',
    undo: 'release; what waited for it may have given up',
    words: () => 'freeze it',
  },
  {
    name: 'kill',
    reversal: 'irreversible',
    undo: 'none',
    words: () => 'kill every process in it',
  },
];

export const actionsIn = (action: Action): readonly NodeAction[] =>
  NODE_ACTIONS.filter(({ name }) => action[name]);
/** Of what is in an action, the names of those that nothing takes back. */
export const irreversibleIn = (action: Action): readonly string[] =>
  actionsIn(action)
    .filter(({ reversal }) => reversal === 'irreversible')
    .map(({ name }) => name);
/** Whether anything of it lasts: what does not is done at once, and there is nothing to release. */
export const lasts = (action: Pick<Action, 'networkDeny' | 'killOnExec' | 'freeze'>): boolean =>
  action.networkDeny || action.killOnExec || action.freeze;
