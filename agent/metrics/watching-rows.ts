/** What is watched: the kernel side, containers, processes, names, traffic, resources, pods, and the agent itself. */
import { one, type Pairs, type Row } from './row.ts';

export const WATCHING: readonly Row[] = [
  ['ready', '1 once the agent counts.', '', one(({ ready }) => Number(ready))],
  ['records_total', 'Records that came from the kernel.', '', one(({ records }) => records)],
  ['events_total', 'Records that were decoded and judged.', '', one(({ events }) => events)],
  ['containers', 'Containers and services that are watched.', '', one(({ containers }) => containers)],
  ['container_starts_total', 'Containers and services that were made.', '', one(({ lives }) => lives.starts)],
  [
    'container_restarts_total',
    'Those of them that had been there under the same name.',
    '',
    one(({ lives }) => lives.restarts),
  ],
  [
    'oom_kills_total',
    'Processes that the kernel ended for want of memory.',
    '',
    one(({ lives }) => lives.oomKills),
  ],
  [
    'processes',
    'Processes that are known by what started them (lineage), and by whose work they do (role).',
    'what',
    ({ processes }) => Object.entries(processes.known),
  ],
  [
    'processes_forgotten_total',
    'Processes whose lineage is known no more: ended a minute ago (ended), of a container that is gone (gone), the longest unused of too many (room).',
    'reason',
    ({ processes }) => Object.entries(processes.forgotten),
  ],
  [
    'dns_answers_total',
    'Addresses that DNS answers named (told), names forgotten for want of room (evicted); answers not believed: not asked for (unasked), of a server that the workload does not use (strange); messages that are none as they must be (odd).',
    'outcome',
    ({ names }) => Object.entries(names),
  ],
  [
    'traffic_bytes_total',
    'Payload of all windows over TCP and UDP, by direction.',
    'direction',
    ({ traffic }) => [
      ['in', traffic.bytesIn],
      ['out', traffic.bytesOut],
    ],
  ],
  [
    'traffic_packets_total',
    'TCP segments and UDP datagrams of all windows, both ways, by protocol.',
    'protocol',
    ({ traffic }) => [
      ['tcp', traffic.segments],
      ['udp', traffic.datagrams],
    ],
  ],
  ['dns_questions_total', 'DNS questions asked over UDP.', '', one(({ traffic }) => traffic.dnsQuestions)],
  [
    'dns_failures_total',
    'DNS answers that name nothing or say why there is none.',
    '',
    one(({ traffic }) => traffic.dnsFailures),
  ],
  [
    'cluster_peers',
    'Addresses elsewhere in the cluster that have a name.',
    '',
    one(({ peers }) => peers.size),
  ],
  [
    'cluster_peers_stale_total',
    'Changes of names that belonged to another version than was known; central sends all of it then.',
    '',
    one(({ peers }) => peers.stale),
  ],
  ['pod_list_reads_total', 'Readings of the pod list.', '', one(({ pods }) => pods.reads)],
  [
    'pod_list_errors_total',
    'Failed readings of the pod list, or failures of the watch of pods, by reason.',
    'reason',
    ({ pods }) => [...(pods.health?.problems ?? [])],
  ],
  [
    'pods_in_step',
    '1 while the pods that are known are those that there are, as far as can be told; nothing where no pods are looked for.',
    '',
    ({ pods }) => (pods.health === null ? [] : [['', Number(pods.health.inStep)]]),
  ],
  [
    'pods_heard_seconds',
    'Time since the source of pods last said anything.',
    '',
    ({ pods }) => (pods.health?.heardMs == null ? [] : [['', pods.health.heardMs / 1000]]),
  ],
  [
    'resource_readings_total',
    'Readings of what one container uses.',
    '',
    one(({ resources }) => resources.readings),
  ],
  ['resource_read_seconds_total', 'Time spent on them.', '', one(({ resources }) => resources.readMs / 1000)],
  ['resource_files', 'Open files of cgroups.', '', one(({ resources }) => resources.openFiles)],
  [
    'resource_missing_total',
    'Files of cgroups that were not there, by reason.',
    'reason',
    ({ resources }) => Object.entries(resources.missing),
  ],
  ['slots', 'Slots of containers that are given out in the kernel.', '', one(({ slots }) => slots)],
  [
    'unplaced_total',
    'Things that a container is known to do for which its slot had no place: they are told again each time.',
    '',
    one(({ unplaced }) => unplaced),
  ],
  ['map_bytes', 'Kernel memory of the eBPF maps.', 'group', ({ mapGroups }) => Object.entries(mapGroups)],
  ['hooks', 'Kernel hooks that the agent knows.', '', one(({ hooks }) => hooks)],
  ['hooks_attached', 'Kernel hooks that are attached.', '', one(({ hooksAttached }) => hooksAttached)],
  ['resident_bytes', 'Resident memory of the agent.', '', () => [['', process.memoryUsage.rss()]]],
  ['heap_bytes', 'Memory of JavaScript, by kind.', 'kind', () => heapBytes()],
  ['cpu_seconds_total', 'CPU time of the agent, all threads.', '', () => [['', cpuSeconds()]]],
];

/** `external`: what objects of the heap hold outside of it. */
function heapBytes(): Pairs {
  const { heapUsed, heapTotal, external } = process.memoryUsage();
  return [
    ['used', heapUsed],
    ['total', heapTotal],
    ['external', external],
  ];
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
