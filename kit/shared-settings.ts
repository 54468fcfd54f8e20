/** Settings that both processes take. */
import { LOG_LEVELS, type LogLevel } from './log-level.ts';
import type { Rows } from './read-settings.ts';

/** Names that become part of keys, certificates and file names: letters, digits, dots, dashes, at most 253. */
export const NAME_PATTERN = /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$/;

export const sharedRows = {
  config: {
    type: 'text',
    default: '',
    sentence: 'YAML file with settings, one `name: value` each; empty: none.',
  },
  cluster: {
    type: 'text',
    pattern: NAME_PATTERN,
    default: 'local',
    sentence: 'Name of this cluster, part of every key and certificate.',
  },
  'state-folder': {
    type: 'text',
    pattern: /^\//,
    default: '/var/lib/picket',
    sentence: 'Folder for keys, certificates, the spool, baselines and the database.',
  },
  'log-level': {
    type: 'choice',
    choices: LOG_LEVELS as readonly LogLevel[],
    default: 'info',
    sentence: 'Least severity of log lines written to standard error.',
  },
} as const satisfies Rows;
