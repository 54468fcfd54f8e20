/** The agent's settings, one row each. */
import type { Rows, Settings } from '../kit/read-settings.ts';
import { NAME_PATTERN, sharedRows } from '../kit/shared-settings.ts';
import { BUDGET_PATTERN } from './models/evidence/budget.ts';

const MIB = 1024 ** 2;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** host:port with port 0 for any free one; IPv6 in brackets. */
const LISTEN_PATTERN = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.-]+):\d{1,5}$/;

export const agentRows = {
  ...sharedRows,
  node: {
    type: 'text',
    pattern: new RegExp(`^$|${NAME_PATTERN.source}`),
    default: '',
    sentence: "Name of this node as the cluster knows it; empty: the machine's host name.",
  },
  pods: {
    type: 'text',
    default: '',
    sentence: "File or http(s) address of a Kubernetes PodList with this node's pods; empty: no pods.",
  },
  'pods-interval': {
    type: 'milliseconds',
    min: 200,
    max: HOUR,
    default: 5 * SECOND,
    sentence: 'How often the pod list is read again.',
  },
  'alert-log': {
    type: 'text',
    default: '',
    sentence:
      'File that detections and alerts are written to, one JSON object a line; empty: alerts.ndjson in the state folder.',
  },
  'alert-log-bytes': {
    type: 'bytes',
    min: 64 * 1024,
    max: 16 * 1024 * MIB,
    default: 64 * MIB,
    sentence: 'Size at which the alert log is rotated; three old files are kept.',
  },
  'alert-log-stdout': {
    type: 'boolean',
    default: false,
    sentence: 'Also write each line of the alert log to standard output.',
  },
  window: {
    type: 'milliseconds',
    min: 500,
    max: 5 * MINUTE,
    default: 5 * SECOND,
    sentence: 'Length of a window: how often counts and flows are read from the kernel.',
  },
  'learn-windows': {
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 6,
    sentence: 'Windows that a workload is watched before its baseline judges anything.',
  },
  'mature-windows': {
    type: 'integer',
    min: 1,
    max: 10_000_000,
    default: 120,
    sentence: 'Windows after which a baseline counts as mature.',
  },
  'shape-training': {
    type: 'boolean',
    default: true,
    sentence:
      'Whether networks of the shape model are trained, in a process of its own that takes 200 MB for some seconds; false: that model says nothing.',
  },
  'min-score': {
    type: 'number',
    min: 0,
    max: 1,
    default: 0.5,
    sentence: 'Rarity score from which a new fact becomes a detection.',
  },
  'group-for': {
    type: 'milliseconds',
    min: SECOND,
    max: 24 * HOUR,
    default: 5 * MINUTE,
    sentence: 'How long after its last detection an alert still takes further ones of the same cause.',
  },
  'rules-folder': {
    type: 'text',
    default: '',
    sentence:
      'Folder with rule files of your own, which are read again when they change; empty: only the rules that ship.',
  },
  'false-alarms': {
    type: 'text',
    pattern: BUDGET_PATTERN,
    default: '1/2d',
    sentence:
      'The promise on alerts that stand on no rule: at most so many false ones of one workload in such a time, on average, as 1/7d.',
  },
  'pin-folder': {
    type: 'text',
    pattern: /^\//,
    default: '/sys/fs/bpf/picket',
    sentence: 'Folder on a bpffs where containment is pinned, so that it outlives the agent.',
  },
  'cgroup-root': {
    type: 'text',
    pattern: /^$|^\//,
    default: '',
    sentence:
      'Containers are looked for below this cgroup; empty: where the hierarchy is mounted. On a node that is itself a container, its own.',
  },
  'cgroup-version': {
    type: 'choice',
    choices: ['auto', 'v1', 'v2'] as const,
    default: 'auto',
    sentence:
      'What containers are known by: cgroup v2, or v1 (its memory controller), with which nothing can be contained; auto: v2 where it is mounted.',
  },
  slots: {
    type: 'integer',
    min: 8,
    max: 4096,
    default: 1024,
    sentence:
      'Most containers and services that can be watched at once, whose memory is taken as they come; the rest is counted as lost.',
  },
  flows: {
    type: 'integer',
    min: 256,
    max: 1_048_576,
    default: 8192,
    sentence: 'Distinct network flows held in the kernel per window.',
  },
  'urgent-bytes': {
    type: 'bytes',
    min: 64 * 1024,
    max: 64 * MIB,
    default: 4 * MIB,
    sentence:
      'Size of the ring buffer for records that are delivered at once, a power of two; four containers at their record-burst fit.',
  },
  'bulk-bytes': {
    type: 'bytes',
    min: 64 * 1024,
    max: 64 * MIB,
    default: MIB,
    sentence: 'Size of the ring buffer for records that are collected on a timer, a power of two.',
  },
  'bulk-interval': {
    type: 'milliseconds',
    min: 10,
    max: 10 * SECOND,
    default: 200,
    sentence: 'How often the ring buffer for collected records is read.',
  },
  'record-rate': {
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 1000,
    sentence:
      'Records a second that one container may have of each kind; what is above is counted, and is a finding.',
  },
  'record-burst': {
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 1500,
    sentence: 'Records that one container may have of each kind at once, before record-rate holds.',
  },
  nice: {
    type: 'integer',
    min: -20,
    max: 19,
    default: -10,
    sentence:
      "Scheduling priority of the agent's threads, lower is sooner; below 0 it needs CAP_SYS_NICE. Alerts do not wait for busy containers then.",
  },
  'queue-batches': {
    type: 'integer',
    min: 16,
    max: 65_536,
    default: 1024,
    sentence: 'Batches of records that may wait between the kernel side and the pipeline.',
  },
  'watched-files': {
    type: 'list',
    default: [
      'shadow',
      'gshadow',
      'sudoers',
      'id_rsa',
      'id_ecdsa',
      'id_ed25519',
      'authorized_keys',
      'kubeconfig',
      'admin.conf',
      'docker.sock',
      'containerd.sock',
      'crio.sock',
      'cri-dockerd.sock',
      'dockershim.sock',
      'podman.sock',
      'buildkitd.sock',
      'kubelet.sock',
      'token',
      'ld.so.preload',
      'core_pattern',
      'release_agent',
      'notify_on_release',
      'sysrq-trigger',
      'uevent_helper',
      'modprobe',
    ],
    sentence: 'Names of files whose opening, and of sockets whose use, is reported wherever they are.',
  },
  'watched-folders': {
    type: 'list',
    default: ['.ssh', '.aws', '.kube', '.gnupg', 'sudoers.d', 'serviceaccount', 'cron.d', 'crontabs'],
    sentence: 'Names of folders; the opening of any file directly in one is reported.',
  },
  'agent-listen': {
    type: 'text',
    pattern: LISTEN_PATTERN,
    default: '127.0.0.1:7445',
    sentence: "Where the agent's metrics and health are served, plain HTTP.",
  },
  'central-url': {
    type: 'text',
    pattern: /^$|^https:\/\//,
    default: 'https://127.0.0.1:7443',
    sentence: 'Address of the central aggregator; empty: the agent works alone.',
  },
  'ca-file': {
    type: 'text',
    default: '',
    sentence:
      "Certificate of the authority that signed central's; empty: ca.crt in the agent's state folder.",
  },
  'join-token-file': {
    type: 'text',
    default: '',
    sentence: 'File with the token that the first enrolment presents; empty: no enrolment.',
  },
  'uplink-interval': {
    type: 'milliseconds',
    min: 100,
    max: 10 * MINUTE,
    default: 2 * SECOND,
    sentence:
      'How often a summary is sent to central; one with a detection of high severity goes at once, windows alone wait up to 10 s.',
  },
  'sketch-interval': {
    type: 'milliseconds',
    min: SECOND,
    max: 60 * MINUTE,
    default: 5 * MINUTE,
    sentence: 'How often sketches of what each workload did go to central; values in them are keyed hashes.',
  },
  'spool-bytes': {
    type: 'bytes',
    min: MIB,
    max: 64 * 1024 * MIB,
    default: 64 * MIB,
    sentence:
      'Disk space for what central has not yet accepted; beyond it the oldest is given up and counted.',
  },
  containment: {
    type: 'boolean',
    default: true,
    sentence: 'Whether containment orders are applied; false: they are refused and reported.',
  },
} as const satisfies Rows;

export type AgentSettings = Settings<typeof agentRows>;
