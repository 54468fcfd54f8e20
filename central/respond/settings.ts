/** Settings of responding. */
import type { Rows } from '../../kit/read-settings.ts';

export const respondRows = {
  'cluster-actions': {
    type: 'list',
    default: [],
    sentence:
      'What central may do in the cluster itself: quarantine, evict, delete-pod, scale-down, cordon, quota, revoke-token; its role must have the verbs of these.',
  },
} as const satisfies Rows;
