/** Settings of what leaves the pipeline in clear. */
import type { Rows } from '../../kit/read-settings.ts';

export const privacyRows = {
  'private-values': {
    type: 'choice',
    choices: ['told', 'hashed', 'dropped'],
    default: 'told',
    sentence:
      "What becomes of programs, files, names, addresses and arguments' hashes in the alert log, standard output and summaries: told; hashed under the fleet's key; dropped. Sentences that would hold them are not told then.",
  },
  'private-except': {
    type: 'list',
    default: [],
    sentence: 'Facts that are told as they are all the same, by name, such as peer, dns_name, exe, parent.',
  },
} as const satisfies Rows;
