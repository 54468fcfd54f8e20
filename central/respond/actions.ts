/** What can be done about a container, on its node and in the cluster, and whether that can be taken back. */
import { clusterAction } from './cluster/index.ts';
import type { Action } from './policy.ts';

/** reversible: undone, it is as before. compensable: something else makes up for it. irreversible: neither. */
export type Reversal = 'reversible' | 'compensable' | 'irreversible';
export interface NodeAction {
  readonly name: keyof Pick<Action, 'networkDeny' | 'killOnExec' | 'execDeny' | 'freeze' | 'kill'>;
  readonly reversal: Reversal;
  readonly undo: string;
  words(action: Action): string;
}

export const NODE_ACTIONS: readonly NodeAction[] = [
  {
    name: 'networkDeny',
    reversal: 'reversible',
    undo: 'release; connections that were open have to be made anew',
    words: ({ cutProbes, allow }) =>
      `cut off the network${cutProbes ? ', probes too' : ', probes of its node let through'}${allow.map((rule) => `, let through ${rule}`).join('')}`,
  },
  {
    name: 'killOnExec',
    reversal: 'reversible',
    undo: 'release; what was killed stays so',
    words: () => 'kill what it executes',
  },
  {
    name: 'execDeny',
    reversal: 'reversible',
    undo: 'release; who was refused may have given up',
    words: () => 'refuse what it executes, where its kernel has BPF LSM',
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

interface Part {
  readonly name: string;
  readonly reversal: Reversal;
  readonly words: string;
}
/** All that an action does, on the node first. */
export function actionsIn(action: Action): readonly Part[] {
  const here = NODE_ACTIONS.filter(({ name }) => action[name]);
  const there = action.cluster.flatMap((name) => clusterAction(name) ?? []);
  return [
    ...here.map(({ name, reversal, words }) => ({ name, reversal, words: words(action) })),
    ...there.map(({ name, reversal }) => ({ name, reversal, words: `${name} in the cluster` })),
  ];
}
/** Of what is in an action, the names of those that nothing takes back. */
export const irreversibleIn = (action: Action): readonly string[] =>
  actionsIn(action)
    .filter(({ reversal }) => reversal === 'irreversible')
    .map(({ name }) => name);
export const onNode = (action: Action): boolean => NODE_ACTIONS.some(({ name }) => action[name]);
/** Whether anything of it lasts: what does not is done at once, and there is nothing to release. */
export const lasts = (action: Action): boolean =>
  actionsIn(action).some(({ reversal }) => reversal !== 'irreversible');
