/** The list of what central can do in the cluster. */
import type { Permission } from '../../../kit/kube/permission.ts';
import type { ClusterAction } from './action.ts';
import { cordon } from './cordon.ts';
import { deletePod, evict } from './end-pod.ts';
import { quarantine } from './quarantine.ts';
import { quota } from './quota.ts';
import { revokeToken } from './revoke-token.ts';
import { scaleDown } from './scale-down.ts';

export const CLUSTER_ACTIONS: readonly ClusterAction[] = [
  quarantine,
  evict,
  deletePod,
  scaleDown,
  cordon,
  quota,
  revokeToken,
];
export const CLUSTER_ACTION_NAMES: readonly string[] = CLUSTER_ACTIONS.map(({ name }) => name);

export const clusterAction = (name: string): ClusterAction | undefined =>
  CLUSTER_ACTIONS.find((action) => action.name === name);

/** What the enabled actions need of the API server, all together. */
export const permissionsOf = (names: readonly string[]): readonly Permission[] =>
  CLUSTER_ACTIONS.filter(({ name }) => names.includes(name)).flatMap(({ permissions }) => permissions);
