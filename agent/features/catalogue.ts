/** Every feature that is taken of a window: its name, unit, version and what it means. */
import type { ResourceName } from '../events/resources.ts';
import { CALL_CLASSES, type CallClass } from './call-classes.ts';
import type { FactKind } from './fact.ts';

export interface Feature {
  readonly name: string;
  readonly unit: string;
  /** Raised when the same behaviour would give another value. */
  readonly version: number;
  readonly sentence: string;
}

export const FACT_FEATURES: readonly (Feature & { readonly name: FactKind })[] = [
  {
    name: 'exec',
    unit: 'fact',
    version: 1,
    sentence:
      'A program was started: parent, executable path and, for interpreters, the commands or script named.',
  },
  {
    name: 'file',
    unit: 'fact',
    version: 1,
    sentence: 'A program opened a watched file: program, mode, path.',
  },
  {
    name: 'connect',
    unit: 'fact',
    version: 2,
    sentence:
      'A TCP connection was made, or a UDP datagram sent first: workload of the peer, or the name that led to it, or its address; and its port.',
  },
  {
    name: 'accept',
    unit: 'fact',
    version: 1,
    sentence: 'A TCP connection was accepted on a port of its own.',
  },
  { name: 'syscall', unit: 'fact', version: 1, sentence: 'A system call was made at all, by name.' },
  {
    name: 'action',
    unit: 'fact',
    version: 1,
    sentence:
      'A program changed, or tried to change, what a process is, sees or may do: program, action, what it was done to.',
  },
  {
    name: 'pair',
    unit: 'fact',
    version: 1,
    sentence: 'One thread made a system call of the one operation right after one of the other, by name.',
  },
  {
    name: 'compat',
    unit: 'fact',
    version: 1,
    sentence: 'A system call was made through the 32-bit entry, by its number there.',
  },
  {
    name: 'folder',
    unit: 'fact',
    version: 1,
    sentence:
      'A folder, or a file in it, was opened: mode (r to be read, w to be written or made), path of the folder.',
  },
  { name: 'library', unit: 'fact', version: 1, sentence: 'A file was mapped to be executed: its path.' },
  {
    name: 'capability',
    unit: 'fact',
    version: 1,
    sentence: 'A capability was used: the kernel asked for it and it was granted.',
  },
  {
    name: 'listen',
    unit: 'fact',
    version: 2,
    sentence: 'A TCP port was listened on, or a UDP port bound by its number: protocol and port.',
  },
  {
    name: 'name',
    unit: 'fact',
    version: 1,
    sentence:
      'A name was asked for over DNS: type, where it is not an address, and the name without labels that look made up.',
  },
];

export const COUNT_FEATURES: readonly Feature[] = [
  { name: 'syscalls', unit: 'calls', version: 1, sentence: 'System calls made, all numbers together.' },
  {
    name: 'distinctSyscalls',
    unit: 'numbers',
    version: 1,
    sentence: 'Different system calls made at least once.',
  },
  { name: 'execs', unit: 'programs', version: 1, sentence: 'Programs started.' },
  { name: 'forks', unit: 'processes', version: 1, sentence: 'Processes made.' },
  { name: 'exits', unit: 'processes', version: 1, sentence: 'Processes ended.' },
  { name: 'connects', unit: 'connections', version: 1, sentence: 'Outgoing TCP connections attempted.' },
  { name: 'accepts', unit: 'connections', version: 1, sentence: 'Incoming TCP connections established.' },
  {
    name: 'failures',
    unit: 'connections',
    version: 1,
    sentence: 'Outgoing TCP connections that did not reach the peer.',
  },
  { name: 'bytesIn', unit: 'bytes', version: 1, sentence: 'Payload received over TCP and UDP.' },
  {
    name: 'bytesOut',
    unit: 'bytes',
    version: 1,
    sentence: 'Payload sent over TCP and UDP, without repetitions.',
  },
  {
    name: 'segments',
    unit: 'segments',
    version: 1,
    sentence: 'TCP segments sent and received, also empty ones.',
  },
  { name: 'datagrams', unit: 'datagrams', version: 1, sentence: 'UDP datagrams sent and received.' },
  { name: 'dnsQuestions', unit: 'questions', version: 1, sentence: 'DNS questions asked over UDP.' },
  {
    name: 'dnsFailures',
    unit: 'answers',
    version: 1,
    sentence: 'DNS answers over UDP that say there is no such name, or that none could be given.',
  },
  {
    name: 'oomKills',
    unit: 'processes',
    version: 1,
    sentence: 'Processes that the kernel ended for want of memory, by its records.',
  },
  { name: 'dnsNames', unit: 'names', version: 1, sentence: 'Different names asked for over UDP.' },
  {
    name: 'dnsLabelLength',
    unit: 'characters',
    version: 1,
    sentence: 'Mean length of the labels below the registered domain, of different names.',
  },
  {
    name: 'dnsLabelEntropy',
    unit: 'bits per character',
    version: 1,
    sentence: 'Mean of the entropy of these labels, each by its own characters.',
  },
  {
    name: 'dnsTextShare',
    unit: 'share',
    version: 1,
    sentence: 'Of different questions, those for free text or bytes (TXT, NULL).',
  },
  {
    name: 'dnsMissingShare',
    unit: 'share',
    version: 1,
    sentence: 'Of different answers, those that say that there is no such name.',
  },
  {
    name: 'dnsBits',
    unit: 'bits',
    version: 1,
    sentence:
      'What the different names below one registered domain can have carried, of the domain with most.',
  },
];

/** Of a pod's container, as the kubelet says: they tell why a window is as it is, and no model is made of them. */
export const POD_FEATURES: readonly Feature[] = [
  { name: 'podRestarts', unit: 'starts', version: 1, sentence: 'Times that the container was started anew.' },
  {
    name: 'podWaiting',
    unit: 'reason',
    version: 1,
    sentence: 'Why it waits to be started, as CrashLoopBackOff or ImagePullBackOff; empty where it does not.',
  },
  {
    name: 'podLastEnd',
    unit: 'reason',
    version: 1,
    sentence: 'Why it ended last, as OOMKilled, Error or Completed; empty where it never did.',
  },
  {
    name: 'podLifetimeMs',
    unit: 'milliseconds',
    version: 1,
    sentence: 'How long the run that ended last had lasted.',
  },
];

/** The same of all containers of a workload in a window: its volume is judged by them, also where none of them comes up. */
export const FARES_FEATURES: readonly Feature[] = [
  { name: 'podStarts', unit: 'starts', version: 1, sentence: 'Times that one was started anew.' },
  {
    name: 'podMemoryEnds',
    unit: 'ends',
    version: 1,
    sentence: 'Runs that were ended for want of memory (OOMKilled).',
  },
  { name: 'podFailedEnds', unit: 'ends', version: 1, sentence: 'Other runs that ended with a failure.' },
  {
    name: 'podBackOff',
    unit: 'containers',
    version: 1,
    sentence: 'Those that wait to be started anew (CrashLoopBackOff), or cannot be started, at the end.',
  },
  {
    name: 'podImageWaits',
    unit: 'containers',
    version: 1,
    sentence: 'Those whose image could not be pulled or used, at the end.',
  },
  {
    name: 'podShortestRun',
    unit: 'seconds',
    version: 1,
    sentence: 'How long the shortest of the runs that ended had lasted; none ended: no value.',
  },
];

/**
 * Nullable: what a host's cgroups do not tell is no value, never 0. Throttling, OOM kills, pressure and, with cgroup v1,
 * operations of devices are read every third window and are then of the three.
 */
export const RESOURCE_FEATURES: readonly (Feature & { readonly name: ResourceName })[] = [
  { name: 'cpuUs', unit: 'microseconds', version: 1, sentence: 'CPU time used, all CPUs together.' },
  {
    name: 'throttledUs',
    unit: 'microseconds',
    version: 1,
    sentence: 'Time for which its CPU limit held it back.',
  },
  {
    name: 'throttledPeriods',
    unit: 'periods',
    version: 1,
    sentence: 'Scheduling periods in which it used up its CPU limit.',
  },
  {
    name: 'oomKills',
    unit: 'processes',
    version: 1,
    sentence: "Processes ended for want of memory, by the cgroup's own count.",
  },
  { name: 'readBytes', unit: 'bytes', version: 1, sentence: 'Read from block devices.' },
  { name: 'writeBytes', unit: 'bytes', version: 1, sentence: 'Written to block devices.' },
  { name: 'reads', unit: 'operations', version: 1, sentence: 'Read operations on block devices.' },
  { name: 'writes', unit: 'operations', version: 1, sentence: 'Write operations on block devices.' },
  {
    name: 'cpuSomeUs',
    unit: 'microseconds',
    version: 1,
    sentence: 'Time in which at least one of its tasks waited for a CPU.',
  },
  {
    name: 'cpuFullUs',
    unit: 'microseconds',
    version: 1,
    sentence: 'Time in which all of its tasks waited for a CPU.',
  },
  {
    name: 'memorySomeUs',
    unit: 'microseconds',
    version: 1,
    sentence: 'Time in which at least one of its tasks waited for memory.',
  },
  {
    name: 'memoryFullUs',
    unit: 'microseconds',
    version: 1,
    sentence: 'Time in which all of its tasks waited for memory.',
  },
  {
    name: 'ioSomeUs',
    unit: 'microseconds',
    version: 1,
    sentence: 'Time in which at least one of its tasks waited for a device.',
  },
  {
    name: 'ioFullUs',
    unit: 'microseconds',
    version: 1,
    sentence: 'Time in which all of its tasks waited for a device.',
  },
  {
    name: 'memoryBytes',
    unit: 'bytes',
    version: 1,
    sentence: 'Memory charged to it at the end, page cache included.',
  },
  {
    name: 'workingSetBytes',
    unit: 'bytes',
    version: 1,
    sentence: 'The same without page cache that can be dropped, which is read every third window.',
  },
  { name: 'memoryLimitBytes', unit: 'bytes', version: 1, sentence: 'Its memory limit; none: no value.' },
  { name: 'pids', unit: 'tasks', version: 1, sentence: 'Processes and threads at the end.' },
  {
    name: 'pidsLimit',
    unit: 'tasks',
    version: 1,
    sentence: 'Most of them that it may have; none: no value.',
  },
];

/** Of whom a window's container spoke to, and of its silence. */
export const PEER_FEATURES: readonly Feature[] = [
  { name: 'peers', unit: 'peers', version: 1, sentence: 'Peers and ports it sent to or connected to.' },
  {
    name: 'peerBytesOut',
    unit: 'bytes per second',
    version: 1,
    sentence: 'Payload sent to the one peer that got most.',
  },
  {
    name: 'rarePeers',
    unit: 'peers',
    version: 1,
    sentence: 'Of its peers, those that at most one learnt period had.',
  },
  {
    name: 'rareBytesOut',
    unit: 'bytes per second',
    version: 1,
    sentence: 'Payload sent to such peers.',
  },
  {
    name: 'quietFor',
    unit: 'seconds',
    version: 1,
    sentence: 'Time since it last did anything to speak of or had any traffic, at the end of the window.',
  },
];

/** Of who tries to get in, or to where. */
export const ACCESS_FEATURES: readonly Feature[] = [
  {
    name: 'cutShort',
    unit: 'connections',
    version: 1,
    sentence:
      'TCP connections through a port of its own, or to one peer, that the bytes they carried do not account for: so many of the usual kind carry more.',
  },
  {
    name: 'failedRuns',
    unit: 'processes',
    version: 1,
    sentence:
      'Runs of a program that ended within 30 s with a failure as exit code, after it connected somewhere, was given another identity as it began, or was started by a server of its name.',
  },
  {
    name: 'silentEnds',
    unit: 'ends',
    version: 1,
    sentence: 'Addresses and ports that were called and did not answer, and had not been called before.',
  },
  {
    name: 'refusedActions',
    unit: 'actions',
    version: 1,
    sentence: 'What it tried to change of processes, files or the kernel and was not allowed to.',
  },
];

const CLASS_SENTENCES: Readonly<Record<CallClass, string>> = {
  open: 'System calls that open, close or copy descriptors.',
  read: 'System calls that read or copy data.',
  write: 'System calls that write data or bring it to the disk.',
  look: 'System calls that look at files and folders.',
  change: 'System calls that make, rename, remove files or change their properties.',
  wait: 'System calls that wait, or wake who waits.',
  memory: 'System calls that map, protect or free memory.',
  process: 'System calls that make, end, signal or schedule processes.',
  signal: 'System calls that handle signals and timers.',
  connect: 'System calls that make, connect or set up sockets.',
  transfer: 'System calls that send and receive.',
  ipc: 'System calls of shared memory, semaphores and message queues.',
  tell: 'System calls that ask for the time, the system or identities.',
  identity: 'System calls that change who a process is or what it may do.',
  machine: 'System calls that change the machine or look into other processes.',
  other: 'System calls that belong to no other class, or have no name here.',
};

/** System calls by the kind of work that they are part of. */
export const CALL_FEATURES: readonly Feature[] = CALL_CLASSES.map((name) => ({
  name: `calls/${name}`,
  unit: 'calls',
  version: 1,
  sentence: CLASS_SENTENCES[name],
}));

/** How far a container is from its live siblings. */
export const REPLICA_FEATURES: readonly Feature[] = [
  {
    name: 'numbersApart',
    unit: 'octaves',
    version: 1,
    sentence: 'The mean of its three largest differences to the median of its siblings.',
  },
  {
    name: 'factsAlone',
    unit: 'facts',
    version: 1,
    sentence: 'Facts of the last ten minutes that none of its siblings has.',
  },
];

/** Of the names asked for. */
export const LABEL_FEATURES: readonly Feature[] = [
  {
    name: 'labelBits',
    unit: 'bits',
    version: 1,
    sentence:
      'What different labels below one registered domain can have carried in the window, of the domain with most.',
  },
];

export interface FeatureGroup {
  readonly name: string;
  readonly of: readonly Feature[];
  /** What stands for a value that is not there, and what becomes of one far out. */
  readonly missing: string;
  readonly outliers: string;
}

/** All of them. Whatever a model is given has an entry here, which a test looks at. */
export const CATALOGUE: readonly FeatureGroup[] = [
  {
    name: 'facts',
    of: FACT_FEATURES,
    missing: 'A window with loss is not learnt; of a fact that was not told nothing follows.',
    outliers:
      'Each counts once a window; 1024 a window and 4096 pairs, beyond which the window is incomplete.',
  },
  {
    name: 'counts',
    of: COUNT_FEATURES,
    missing:
      '0 where nothing happened; windows with loss are not judged by shape and replica, and not learnt.',
    outliers: 'Logarithm of one more than the rate a second; kept to a thousandth and within 999 of zero.',
  },
  {
    name: 'resources',
    of: RESOURCE_FEATURES,
    missing: 'Absent, never 0; in rows NaN, which models leave out or put at the centre.',
    outliers: 'As counts.',
  },
  { name: 'calls', of: CALL_FEATURES, missing: 'As counts.', outliers: 'As counts.' },
  {
    name: 'peers',
    of: PEER_FEATURES,
    missing: '0 where it spoke to nobody.',
    outliers: 'As counts; 256 peers are told apart in a window, further ones counted together.',
  },
  {
    name: 'fares',
    of: FARES_FEATURES,
    missing: 'As counts; without a list of pods nothing is judged.',
    outliers: 'Logarithm of one more; kept within 60 of zero.',
  },
  {
    name: 'access',
    of: ACCESS_FEATURES,
    missing: '0 where nobody tried.',
    outliers: 'By octaves up to 65,536 tries; 128 doors of a container, further ones as one.',
  },
  {
    name: 'replica',
    of: REPLICA_FEATURES,
    missing: 'Unknown without a sibling that lived for a minute.',
    outliers: 'By octaves, up to 64 of numbers and 1024 facts.',
  },
  {
    name: 'labels',
    of: LABEL_FEATURES,
    missing: 'Unknown where nothing was asked for.',
    outliers: 'By octaves, up to the limit of the detector; 2048 names a window.',
  },
];
