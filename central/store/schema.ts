/** Tables as Kysely sees them. Boot times in ns are text: they pass 2^53, which a JavaScript number does not hold. */
import type { Generated } from 'kysely';
import type { ApiTables } from './api-schema.ts';
import type { CanaryRow } from './canaries.ts';
import type { ClusterOrderRow } from './cluster-orders.ts';
import type { FeedbackTables } from './feedback-tables.ts';

/** 0 or 1: SQLite has no boolean. */
type Flag = number;

interface Node {
  cluster: string;
  node: string;
  boot: string;
  sequence: number;
  first_seen_ms: number;
  last_seen_ms: number;
  health: string;
}
interface Container {
  cluster: string;
  node: string;
  id: string;
  name: string;
  pod_uid: string;
  pod: string;
  namespace: string;
  workload: string;
  image: string;
  image_digest: string;
  cgroup: string;
  runtime: string;
  live: Flag;
  first_seen_ms: number;
  last_seen_ms: number;
}
interface Summary {
  cluster: string;
  node: string;
  boot: string;
  sequence: number;
  received_ms: number;
}
interface Window {
  cluster: string;
  node: string;
  boot: string;
  container: string;
  workload: string;
  start_ns: string;
  end_ns: string;
  wall_ms: number;
  syscalls: number;
  distinct_syscalls: number;
  execs: number;
  forks: number;
  exits: number;
  connects: number;
  accepts: number;
  failures: number;
  new_facts: number;
  lost: number;
  state: string;
  bytes_in: number;
  bytes_out: number;
  segments: number;
  datagrams: number;
  dns_questions: number;
  dns_failures: number;
}
interface Detection {
  id: string;
  cluster: string;
  node: string;
  boot: string;
  detector: string;
  severity: string;
  score: number;
  time_ns: string;
  wall_ms: number;
  container: string;
  workload: string;
  pid: number;
  process_start_ns: string;
  summary: string;
  alert: string;
  techniques: string;
  facts: string;
}
interface Alert {
  id: string;
  cluster: string;
  node: string;
  boot: string;
  severity: string;
  score: number;
  first_ns: string;
  last_ns: string;
  first_wall_ms: number;
  last_wall_ms: number;
  container: string;
  workload: string;
  title: string;
  explanation: string;
  detectors: string;
  techniques: string;
  count: number;
  revision: number;
  quality: string;
  /** The exception that kept it out of incidents, or empty. */
  suppressed: string;
  /** runtime: about a container; api: about a request to the Kubernetes API; node: a node's silence; falco: from there. */
  kind: Generated<string>;
  /** Who is behind it, a JSON list, or empty. */
  identities: Generated<string>;
}
interface IncidentRow {
  id: string;
  cluster: string;
  state: string;
  severity: string;
  stage: string;
  title: string;
  first_ms: number;
  last_ms: number;
  revision: number;
  /** 1: opened or escalated, and not yet responded to. */
  unanswered: Flag;
  document: string;
}
interface IncidentAlert {
  alert: string;
  incident: string;
}
interface PlanRow {
  id: string;
  incident: string;
  made_ms: number;
  state: string;
  document: string;
}
interface StepRow {
  id: Generated<number>;
  at_ms: number;
  actor: string;
  action: string;
  incident: string;
  order_id: string;
  text: string;
  previous: string;
  hash: string;
}
/** How far the table of steps was pruned; the last line counts. */
interface PrunedStepsRow {
  line: number;
  last_id: number;
  hash: string;
  at_ms: number;
  seal: string;
}
interface OrderRow {
  id: string;
  cluster: string;
  node: string;
  kind: string;
  state: string;
  pod_uid: string;
  container_name: string;
  container_id: string;
  workload: string;
  network_deny: Flag;
  kill_on_exec: Flag;
  exec_deny: Flag;
  cut_probes: Flag;
  /** JSON list of what is let through all the same. */
  allow: string;
  freeze: Flag;
  kill: Flag;
  /** JSON of what the node found when it looked whether it took effect; empty: nothing was told. */
  effect: string;
  lease_ms: number;
  not_after_ms: number;
  until_ms: number;
  issued_ms: number;
  sent_ms: number;
  reason: string;
  actor: string;
  incident: string;
  policy: string;
  releases: string;
  released_by: string;
  detail: string;
  payload: Uint8Array;
  key_id: string;
  signature: Uint8Array;
}
interface PolicyRow {
  id: Generated<number>;
  kind: string;
  name: string;
  version: string;
  body: string;
  source: string;
  actor: string;
  at_ms: number;
  /** Place in the list that is in force, from 0; -1: not in force. */
  place: number;
  /** When it was put out of force; 0: it is in force. */
  ended_ms: number;
}
interface ExceptionHits {
  name: string;
  hits: number;
  last_ms: number;
}
interface DeadLetterRow {
  id: string;
  at_ms: number;
  notifier: string;
  event: string;
  document: string;
  error: string;
  tries: number;
}
interface EnrolmentRow {
  id: Generated<number>;
  at_ms: number;
  cluster: string;
  node: string;
  kind: string;
  serial: string;
  not_after_ms: number;
  address: string;
}

interface SketchRow {
  cluster: string;
  workload: string;
  node: string;
  what: string;
  kind: string;
  version: number;
  params: string;
  key_id: string;
  /** Begin of a day, UTC. */
  day_ms: number;
  last_ms: number;
  bytes: Uint8Array;
}

export interface Tables extends ApiTables, FeedbackTables {
  canaries: CanaryRow;
  cluster_orders: ClusterOrderRow;
  sketches: SketchRow;
  nodes: Node;
  containers: Container;
  summaries: Summary;
  windows: Window;
  detections: Detection;
  alerts: Alert;
  incidents: IncidentRow;
  incident_alerts: IncidentAlert;
  plans: PlanRow;
  steps: StepRow;
  steps_pruned: PrunedStepsRow;
  orders: OrderRow;
  policies: PolicyRow;
  exception_hits: ExceptionHits;
  dead_letters: DeadLetterRow;
  enrolments: EnrolmentRow;
}
