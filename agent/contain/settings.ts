/** Settings of containment on this node. */
import type { Rows } from '../../kit/read-settings.ts';

export const containRows = {
  'dns-servers': {
    type: 'list',
    default: [],
    sentence:
      "Addresses that the rule dns of an allow-list lets a contained container ask; empty: the servers in the agent's own resolv.conf, which in a cluster are the cluster's.",
  },
} as const satisfies Rows;
