/** Settings of central: one row each; the rows that both processes share come from kit. */
import { kubeRows } from '../kit/kube/settings.ts';
import type { Settings } from '../kit/read-settings.ts';
import { sharedRows } from '../kit/shared-settings.ts';
import { auditRows } from './audit/settings.ts';
import { correlateRows } from './correlate/settings.ts';
import { notifyRows } from './notify/settings.ts';
import { respondRows } from './respond/settings.ts';
import { storeRows } from './store/settings.ts';

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;
const DAY_MS = 86_400_000;

export const centralRows = {
  ...sharedRows,
  ...kubeRows,
  'further-clusters': {
    type: 'list',
    default: [],
    sentence:
      'Clusters beside the own whose agents are taken, as name=folder: in the folder the files server (address of the API server), token and ca.crt.',
  },
  'custom-resources': {
    type: 'boolean',
    default: true,
    sentence:
      'Whether policies, exceptions, containments and nodes are objects in the clusters too; false: only what stands in files is in force.',
  },
  'agent-accounts': {
    type: 'list',
    default: ['picket/picket-agent'],
    sentence:
      'Service accounts of agents, as namespace/name: a token of one, for audience picket, enrols the node that its pod runs on.',
  },
  'join-token': {
    type: 'boolean',
    default: true,
    sentence:
      'Whether the join token enrols, under whatever name is asked for; false: only service-account tokens do.',
  },
  ...respondRows,
  'central-listen': {
    type: 'text',
    default: '127.0.0.1:7443',
    pattern: ADDRESS,
    sentence: 'Address for agents: HTTP/2 with mutual TLS.',
  },
  'api-listen': {
    type: 'text',
    default: '127.0.0.1:7444',
    pattern: ADDRESS,
    sentence: 'Address of the People API: TLS, with a token of the file api-token.',
  },
  'central-metrics-listen': {
    type: 'text',
    default: '127.0.0.1:7446',
    pattern: ADDRESS,
    sentence: 'Address of /metrics, /healthz and /readyz of central: plain HTTP.',
  },
  database: {
    type: 'text',
    default: '',
    sentence: 'SQLite file; empty: <state-folder>/central/picket.db.',
  },
  'policy-files': {
    type: 'list',
    default: [],
    sentence: 'YAML files of PicketPolicy and PicketException documents, most specific first; none: observe.',
  },
  'central-names': {
    type: 'list',
    default: ['localhost', '127.0.0.1'],
    sentence: "DNS names and IP addresses in central's server certificate.",
  },
  'publish-authority': {
    type: 'text',
    default: '',
    pattern: /^$|^[a-z0-9-]+\/[a-z0-9.-]+$/,
    sentence:
      "ConfigMap, as namespace/name, that the certificate of central's authority is written to for agents to read; empty: none.",
  },
  ...notifyRows,
  'max-summary-bytes': {
    type: 'bytes',
    default: 4 * 1024 ** 2,
    min: 1024,
    max: 64 * 1024 ** 2,
    sentence: 'A larger summary is refused with 413.',
  },
  'incident-window': {
    type: 'milliseconds',
    default: 600_000,
    min: 1000,
    max: DAY_MS,
    sentence: 'Alerts that belong together join one incident when no further apart than this.',
  },
  ...storeRows,
  ...auditRows,
  ...correlateRows,
} as const;

export type CentralSettings = Settings<typeof centralRows>;
