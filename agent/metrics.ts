/** The agent's metrics: read from its parts at each scrape, so that nothing is counted twice. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Counter, createMetrics, type Gauge, type Metrics } from '../kit/metrics.ts';
import type { Costs } from './costs.ts';
import type { GuidanceCounts } from './guidance.ts';
import type { NameCounts } from './identity/peer-names.ts';
import type { CareNumbers } from './models/care/cards.ts';
import type { RuleCosts } from './rules/rule.ts';
import type { PodsHealth } from './source/pods.ts';
import type { ProfileCounts, PromiseStatus } from './status.ts';
import type { TrainerCounts } from './training/trainer.ts';

/** Everything that is told as a number; names become labels or parts of names. */
export interface Numbers {
  readonly ready: boolean;
  readonly records: number;
  readonly events: number;
  readonly containers: number;
  readonly names: Readonly<NameCounts>;
  readonly processes: Readonly<Record<'known' | 'forgotten', Readonly<Record<string, number>>>>;
  /** Detections that people said are normal. */
  readonly excepted: number;
  readonly unlooked: number;
  readonly guidance: Readonly<GuidanceCounts>;
  readonly peers: { readonly size: number; readonly stale: number };
  readonly lives: { readonly starts: number; readonly restarts: number; readonly oomKills: number };
  readonly workloads: number;
  readonly profiles: ProfileCounts;
  readonly promise: PromiseStatus;
  readonly canary: {
    readonly intervalMs: number;
    readonly results: Readonly<Record<string, number>>;
    readonly detectMs: number | null;
    readonly provedMs: number | null;
    readonly ageMs: number;
  };
  readonly roles: Readonly<Record<string, number>>;
  readonly training: TrainerCounts;
  readonly costs: Pick<Costs, 'by' | 'windows'>;
  /** Detector → bytes of its models. */
  readonly modelBytes: ReadonlyMap<string, number>;
  readonly care: CareNumbers;
  readonly detections: ReadonlyMap<string, number>;
  readonly alerts: ReadonlyMap<string, number>;
  readonly byDetector: Readonly<Record<'detections' | 'alerts', ReadonlyMap<string, number>>>;
  readonly traffic: Readonly<
    Record<'bytesIn' | 'bytesOut' | 'segments' | 'datagrams' | 'dnsQuestions' | 'dnsFailures', number>
  >;
  readonly alertLog: { readonly written: number; readonly dropped: number; readonly errors: number };
  /** Reason → records, entries or lines lost since the agent started. */
  readonly lost: Readonly<Record<string, number>>;
  readonly frameErrors: number;
  readonly queuedFrames: number;
  readonly spool: { readonly bytes: number; readonly waiting: number; readonly dropped: number };
  readonly uplink: {
    readonly sent: number;
    readonly duplicates: number;
    readonly streamsOpened: number;
    readonly refused: ReadonlyMap<string, number>;
    readonly failures: ReadonlyMap<string, number>;
  };
  readonly enrolmentFailures: ReadonlyMap<string, number>;
  readonly orders: ReadonlyMap<string, number>;
  readonly leases: number;
  /** Code of why the pinned programs cannot be used, or null. */
  readonly containmentRefused: string | null;
  readonly rules: {
    readonly size: number;
    readonly refused: boolean;
    readonly reloads: { readonly loaded: number; readonly refused: number };
    readonly costs: ReadonlyMap<string, RuleCosts>;
  };
  readonly pods: { readonly reads: number; readonly errors: number; readonly health: PodsHealth | null };
  readonly resources: {
    readonly readings: number;
    readonly readMs: number;
    readonly openFiles: number;
    readonly missing: Readonly<Record<string, number>>;
  };
  /** Given out in the kernel. */
  readonly slots: number;
  readonly unplaced: number;
  readonly mapBytes: number;
  readonly mapGroups: Readonly<Record<string, number>>;
  readonly hooksAttached: number;
  readonly hooks: number;
}

/** Each sample wakes the process, which an idle agent should not do often. */
const DELAY_SAMPLE_MS = 500;

type LoopDelay = ReturnType<typeof monitorEventLoopDelay>;
type Pairs = Iterable<readonly [string, number]>;

const one =
  (read: (numbers: Numbers) => number) =>
  (numbers: Numbers): Pairs => [['', read(numbers)]];

const ofRules =
  (what: 'evaluations' | 'hits' | 'excepted' | 'errors') =>
  ({ rules }: Numbers): Pairs =>
    [...rules.costs].map(([name, costs]) => [name, costs[what]]);

/** Name, sentence, label or '', values. Those that end in `_total` are counters. */
const ROWS: readonly (readonly [string, string, string, (numbers: Numbers) => Pairs])[] = [
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
  ['workloads', 'Workloads with a baseline.', '', one(({ workloads }) => workloads)],
  ['guarding', 'Containers whose new pairs of calls are told.', '', one(({ profiles }) => profiles.guarding)],
  [
    'known_pairs',
    'Pairs of calls that baselines accepted, each as it was written last; a baseline counts from its first change after the start.',
    '',
    one(({ profiles }) => profiles.pairs),
  ],
  ['suspects', 'Facts called anomalous and not learnt.', '', one(({ profiles }) => profiles.suspects)],
  ['versions', 'Versions of images kept in baselines.', '', one(({ profiles }) => profiles.versions)],
  [
    'versions_evicted_total',
    'Versions of images forgotten for room, with what they alone showed.',
    '',
    one(({ profiles }) => profiles.versionsEvicted),
  ],
  [
    'rollouts',
    'Workloads whose image is too new to be judged by itself.',
    '',
    one(({ profiles }) => profiles.rollouts),
  ],
  [
    'inherited_facts',
    'Facts that versions in force take over from those before and have not shown yet, each baseline as it was written last; a baseline counts from its first change after the start.',
    '',
    one(({ profiles }) => profiles.inherited),
  ],
  ['profile_loads_total', 'Known-good sets given to slots.', '', one(({ profiles }) => profiles.loads)],
  [
    'armed_again_total',
    'Pairs of calls that were told and not accepted, armed again.',
    '',
    one(({ profiles }) => profiles.armedAgain),
  ],
  [
    'training_requests_total',
    'Networks of the shape model that were to be trained, by what became of them.',
    'result',
    ({ training }) => [
      ['trained', training.trained],
      ['failed', training.failed],
      ['refused', training.refused],
    ],
  ],
  [
    'evidence_alarms_total',
    'Alerts that stand on evidence alone, in windows that were seen whole.',
    '',
    one(({ promise }) => promise.alarms),
  ],
  ['evidence_hours_total', 'Container-hours that were seen whole.', '', one(({ promise }) => promise.hours)],
  [
    'evidence_budget_hours',
    'Hours of a workload in which one false alarm is promised at most.',
    '',
    one(({ promise }) => promise.budgetHours),
  ],
  [
    'program_starts_total',
    'Programs started, by who was at work: the workload, a runtime, a session, a probe, the node.',
    'role',
    ({ roles }) => Object.entries(roles),
  ],
  ['detections_total', 'Detections by severity.', 'severity', ({ detections }) => detections],
  ['alerts_total', 'New alerts by severity.', 'severity', ({ alerts }) => alerts],
  [
    'detector_detections_total',
    'Detections by detector; all rules are one.',
    'detector',
    ({ byDetector }) => byDetector.detections,
  ],
  [
    'detector_alerts_total',
    'New alerts by the detectors that were part of them as they were opened; all rules are one.',
    'detector',
    ({ byDetector }) => byDetector.alerts,
  ],
  ['windows_total', 'Windows of containers that ended.', '', one(({ costs }) => costs.windows)],
  [
    'detector_seconds_total',
    'Time that a detector took; of what is done for each fact, from each sixteenth. By windows_total: its time for a window.',
    'detector',
    ({ costs }) => [...costs.by].map(([name, { nanoseconds }]) => [name, nanoseconds / 1e9]),
  ],
  [
    'detector_bytes',
    'Memory of the models of a detector, of all workloads, estimated each time a baseline is written.',
    'detector',
    ({ modelBytes }) => modelBytes,
  ],
  [
    'model_drift',
    'Population stability index of what a model says, the highest of all workloads; above 0.25 it is spread otherwise than when it was calibrated.',
    'model',
    ({ care }) => care.drift,
  ],
  [
    'models_drifted',
    'Workloads in which that was too high for two hours of windows on end.',
    'model',
    ({ care }) => care.drifted,
  ],
  [
    'models_stale',
    'Workloads that run, are not pinned and of which nothing was learnt for a day.',
    '',
    one(({ care }) => care.stale),
  ],
  [
    'models_blind',
    'Workloads that run and lose records in a fifth of their windows or more.',
    '',
    one(({ care }) => care.blind),
  ],
  [
    'model_candidates',
    'Newer models that are compared and alert nobody.',
    'model',
    ({ care }) => care.candidates,
  ],
  [
    'model_changes',
    'What became of newer models, of the last 16 changes of each workload: promoted, dropped, rolled-back.',
    'change',
    ({ care }) => care.changes,
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
  ['alert_log_lines_total', 'Lines written to the alert log.', '', one(({ alertLog }) => alertLog.written)],
  ['alert_log_errors_total', 'Failed writes of the alert log.', '', one(({ alertLog }) => alertLog.errors)],
  ['lost_total', 'What was not delivered, by reason.', 'reason', ({ lost }) => Object.entries(lost)],
  ['frame_errors_total', 'Frames that the pipeline failed on.', '', one(({ frameErrors }) => frameErrors)],
  ['queued_frames', 'Frames that wait for the pipeline.', '', one(({ queuedFrames }) => queuedFrames)],
  ['spool_bytes', 'Size of the spool on disk.', '', one(({ spool }) => spool.bytes)],
  ['spool_waiting', 'Summaries that central has not accepted.', '', one(({ spool }) => spool.waiting)],
  [
    'spool_dropped_total',
    'Summaries given up for room since the spool was made.',
    '',
    one(({ spool }) => spool.dropped),
  ],
  ['summaries_sent_total', 'Summaries that central accepted.', '', one(({ uplink }) => uplink.sent)],
  [
    'summaries_duplicate_total',
    'Summaries that central had accepted before.',
    '',
    one(({ uplink }) => uplink.duplicates),
  ],
  [
    'summaries_refused_total',
    'Entries in summaries that central refused for good.',
    'code',
    ({ uplink }) => uplink.refused,
  ],
  ['uplink_failures_total', 'Failed requests to central, by code.', 'code', ({ uplink }) => uplink.failures],
  [
    'order_streams_total',
    'Times the order stream was opened.',
    '',
    one(({ uplink }) => uplink.streamsOpened),
  ],
  [
    'enrolment_failures_total',
    'Failed enrolments and renewals, by code.',
    'code',
    (numbers) => numbers.enrolmentFailures,
  ],
  ['orders_total', 'Containment orders by what came of them.', 'outcome', ({ orders }) => orders],
  ['leases', 'Containment leases that hold now.', '', one(({ leases }) => leases)],
  [
    'containment_refused',
    '1 while nothing can be contained here, by the code of the reason.',
    'code',
    ({ containmentRefused: code }) => (code === null ? [] : [[code, 1]]),
  ],
  [
    'canaries_total',
    'Harmless programs of its own that the agent started to be seen, by what came of them.',
    'result',
    ({ canary }) => Object.entries(canary.results),
  ],
  [
    'canary_interval_seconds',
    'How often it starts one; 0: never.',
    '',
    one(({ canary }) => canary.intervalMs / 1000),
  ],
  [
    'canary_detect_seconds',
    "From the kernel's record to its line in the alert log, of the last one that was seen.",
    '',
    ({ canary }) => (canary.detectMs === null ? [] : [['', canary.detectMs / 1000]]),
  ],
  [
    'canary_last_success_timestamp_seconds',
    'Unix time of the last one that was seen in time.',
    '',
    ({ canary }) => (canary.provedMs === null ? [] : [['', canary.provedMs / 1000]]),
  ],
  [
    'canary_age_seconds',
    'Time since one was seen in time, or since the start.',
    '',
    one(({ canary }) => canary.ageMs / 1000),
  ],
  ['rules', 'Rules in force.', '', one(({ rules }) => rules.size)],
  [
    'guidance_total',
    'Rules and exceptions of central: sets received, files of them unreadable at the start, sets that could not be written.',
    'outcome',
    ({ guidance }) => Object.entries(guidance),
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
  ['excepted_total', 'Detections that an exception of central covers.', '', one(({ excepted }) => excepted)],
  [
    'exceptions_unlooked_total',
    'Detections that were not compared with exceptions, as their container had too many in one window: they count.',
    '',
    one(({ unlooked }) => unlooked),
  ],
  [
    'rules_refused',
    '1 while a rule file is not in force because something in its folder is wrong.',
    '',
    one(({ rules }) => Number(rules.refused)),
  ],
  [
    'rule_reloads_total',
    "Readings of the user's rules by what came of them.",
    'outcome',
    ({ rules }) => Object.entries(rules.reloads),
  ],
  ['rule_evaluations_total', 'Events that a rule was asked about.', 'rule', ofRules('evaluations')],
  ['rule_hits_total', 'Matches of a rule.', 'rule', ofRules('hits')],
  ['rule_excepted_total', 'Matches that an exception took back.', 'rule', ofRules('excepted')],
  ['rule_errors_total', 'Conditions that failed, and so did not match.', 'rule', ofRules('errors')],
  [
    'rule_seconds_total',
    'Time a rule took, from each sixteenth event.',
    'rule',
    ({ rules }) => [...rules.costs].map(([name, { nanoseconds }]) => [name, nanoseconds / 1e9]),
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

function fill(metric: Counter<string> | Gauge<string>, label: string, pairs: Pairs): void {
  metric.reset();
  for (const [name, value] of pairs) metric.inc(label === '' ? {} : { [label]: name }, value);
}

/** Registers every row; `numbers` is asked for each of them. */
function register(metrics: Metrics, numbers: () => Numbers, delay: LoopDelay): void {
  for (const [name, sentence, label, read] of ROWS) {
    const labels = label === '' ? [] : [label];
    if (name.endsWith('_total'))
      metrics.counter(name, sentence, labels, (found) => fill(found, label, read(numbers())));
    else metrics.gauge(name, sentence, labels, (found) => fill(found, label, read(numbers())));
  }
  metrics.gauge(
    'loop_delay_seconds',
    'How late the event loop ran since the last scrape, quantiles.',
    ['quantile'],
    (gauge) => {
      for (const quantile of [50, 99, 99.9, 100])
        gauge.set(
          { quantile: String(quantile / 100) },
          Math.max(0, delay.percentile(quantile) / 1e9 - DELAY_SAMPLE_MS / 1000),
        );
      delay.reset();
    },
  );
}

export type Scrape = () => Promise<{ readonly type: string; readonly body: string }>;

/** `numbers` is asked once for each scrape: asking reads the counters of the kernel side. */
export function agentMetrics(numbers: () => Numbers): { scrape: Scrape; stop: () => void } {
  const delay = monitorEventLoopDelay({ resolution: DELAY_SAMPLE_MS });
  delay.enable();
  let asked: Numbers | null = null;
  const metrics = createMetrics('agent');
  register(metrics, () => asked ?? numbers(), delay);
  const { registry } = metrics;
  return {
    scrape: async () => {
      asked = numbers();
      return { type: registry.contentType, body: await registry.metrics() };
    },
    stop: () => delay.disable(),
  };
}
