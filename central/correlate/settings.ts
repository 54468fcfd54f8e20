/** Settings of how grave and urgent an incident is. */

export const correlateRows = {
  'asset-values': {
    type: 'list',
    default: ['kube-system=2'],
    sentence:
      'What namespaces are worth, `PATTERN=0` to `=3` each, the first that fits counts; others are worth 1.',
  },
  'intel-files': {
    type: 'list',
    default: [],
    sentence:
      'Lists of bad addresses, networks, names and hashes: plain text, one a line, or STIX 2.1 bundles; read again when they change.',
  },
} as const;
