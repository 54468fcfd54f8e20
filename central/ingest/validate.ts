/** Checks every field of a Summary. A node may be hostile: whoever owns it writes all of these values. */
import { SketchError } from '../../kit/sketch/bytes.ts';
import {
  decodeSketch,
  type EncodedSketch,
  isKnownSketch,
  MAX_SKETCH_BYTES,
} from '../../kit/sketch/sketch.ts';
import {
  type Alert,
  type Container,
  type Detection,
  SCHEMA_VERSION,
  type Session,
  type Summary,
  type Window,
  type WorkloadSketches,
} from '../../wire/index.ts';
import { RefusedError, show } from './refused.ts';
import {
  CANARY_RESULTS,
  type NodeIdentity,
  ORDER_STATES,
  type Report,
  SEVERITIES,
  VERIFIED,
} from './report.ts';

/** Longest DNS name (RFC 1035); Kubernetes names are no longer. */
const NAME = 253;
/** PATH_MAX of Linux. */
const PATH = 4096;
/** cluster/namespace/Kind/name/container. */
const WORKLOAD = 5 * (NAME + 1);
/** Entries of each list; the largest node runs some hundreds of containers. */
const ENTRIES = 10_000;
const SHORT_LIST = 64;
/** Of one workload and interval. */
const SKETCHES = 16;
const SKETCH_NAME = /^[a-z0-9-]{0,64}$/;
const PROFILES = 200;
/** One an hour at the least, of the time that a spool holds. */
const CANARIES = 1000;
const DAY_MS = 86_400_000;
const PROFILE_STATES = ['learning', 'young', 'mature'];
const FACTS = 64;
/** A wall clock further off than this from central's is no evidence of time. */
const CLOCK_SKEW_MS = 366 * 86_400_000;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ID = /^[a-z]{3}-[0-9a-zA-Z]{8,64}$/;
const DETECTOR = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const VERSION = /^[0-9a-f]{0,64}$/;
const TECHNIQUE = /^T\d{4}(\.\d{3})?$/;
// C0, DEL and C1: what moves a cursor, ends a line or starts an escape sequence.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

function text(field: string, value: string, longest: number): void {
  if (value.length > longest)
    throw new RefusedError('PICKET_HOSTILE_NAME', `${field}: ${show(value)} is longer than ${longest}`);
  if (CONTROL.test(value))
    throw new RefusedError('PICKET_HOSTILE_NAME', `${field}: ${show(value)} contains control characters`);
}

function matches(field: string, value: string, pattern: RegExp): void {
  if (!pattern.test(value))
    throw new RefusedError('PICKET_MALFORMED', `${field}: ${show(value)} does not match ${pattern.source}`);
}

function oneOf(field: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value))
    throw new RefusedError(
      'PICKET_MALFORMED',
      `${field}: ${show(value)} is not one of ${choices.join(', ')}`,
    );
}

function range(field: string, value: number | bigint, from: number | bigint, to: number | bigint): void {
  // Written so that NaN is out of range.
  if (!(value >= from && value <= to))
    throw new RefusedError('PICKET_MALFORMED', `${field}: ${value} is not from ${from} to ${to}`);
}

function entries(field: string, list: { readonly length: number }, most: number): void {
  if (list.length > most)
    throw new RefusedError('PICKET_MALFORMED', `${field}: ${list.length} entries, more than ${most}`);
}

function texts(field: string, list: readonly string[], longest: number): void {
  entries(field, list, SHORT_LIST);
  for (const [index, value] of list.entries()) text(`${field}[${index}]`, value, longest);
}

const ms = (field: string, value: number, now: number): void => range(field, value, 0, now + CLOCK_SKEW_MS);

/** A workload's key starts with its cluster; a node must not speak of another cluster's. Empty: not known. */
function workload(field: string, value: string, cluster: string): void {
  text(field, value, WORKLOAD);
  if (value !== '' && !value.startsWith(`${cluster}/`))
    throw new RefusedError('PICKET_IDENTITY', `${field}: ${show(value)} is not of cluster ${show(cluster)}`);
}

function container(at: string, value: Container, cluster: string): void {
  text(`${at}.id`, value.id, NAME);
  if (value.id === '') throw new RefusedError('PICKET_MALFORMED', `${at}.id: empty`);
  for (const key of ['name', 'podUid', 'pod', 'namespace', 'runtime'] as const)
    text(`${at}.${key}`, value[key], NAME);
  for (const key of ['image', 'imageDigest'] as const) text(`${at}.${key}`, value[key], PATH);
  workload(`${at}.workload`, value.workload, cluster);
}

const WINDOW_COUNTS = [
  'syscalls',
  'distinctSyscalls',
  'execs',
  'forks',
  'exits',
  'connects',
  'accepts',
  'failures',
  'newFacts',
  'lost',
  'bytesIn',
  'bytesOut',
  'segments',
  'datagrams',
  'dnsQuestions',
  'dnsFailures',
] as const;

function window(at: string, value: Window, cluster: string): void {
  text(`${at}.container`, value.container, NAME);
  workload(`${at}.workload`, value.workload, cluster);
  range(`${at}.end_ns`, value.endNs, value.startNs, value.startNs + 86_400_000_000_000n);
  for (const key of WINDOW_COUNTS) range(`${at}.${key}`, value[key], 0, Number.MAX_SAFE_INTEGER);
  range(`${at}.oom_kills`, value.oomKills, 0, Number.MAX_SAFE_INTEGER);
  text(`${at}.state`, value.state, NAME);
  for (const key of ['podWaiting', 'podLastEnd'] as const) text(`${at}.${key}`, value[key], NAME);
}

function detection(at: string, value: Detection, { cluster, now }: { cluster: string; now: number }): void {
  matches(`${at}.id`, value.id, ID);
  matches(`${at}.detector`, value.detector, DETECTOR);
  oneOf(`${at}.severity`, value.severity, SEVERITIES);
  range(`${at}.score`, value.score, 0, 1);
  ms(`${at}.wall_ms`, value.wallMs, now);
  text(`${at}.container`, value.container, NAME);
  workload(`${at}.workload`, value.workload, cluster);
  text(`${at}.summary`, value.summary, PATH);
  if (value.alert !== '') matches(`${at}.alert`, value.alert, ID);
  entries(`${at}.techniques`, value.techniques, SHORT_LIST);
  for (const technique of value.techniques) matches(`${at}.techniques`, technique, TECHNIQUE);
  const facts = Object.entries(value.facts);
  entries(`${at}.facts`, facts, FACTS);
  for (const [key, fact] of facts) {
    text(`${at}.facts key`, key, NAME);
    text(`${at}.facts.${key}`, fact, PATH);
  }
}

function alert(at: string, value: Alert, { cluster, now }: { cluster: string; now: number }): void {
  matches(`${at}.id`, value.id, ID);
  oneOf(`${at}.severity`, value.severity, SEVERITIES);
  range(`${at}.score`, value.score, 0, 1);
  ms(`${at}.first_wall_ms`, value.firstWallMs, now);
  ms(`${at}.last_wall_ms`, value.lastWallMs, now);
  text(`${at}.container`, value.container, NAME);
  workload(`${at}.workload`, value.workload, cluster);
  for (const key of ['title', 'quality'] as const) text(`${at}.${key}`, value[key], PATH);
  texts(`${at}.explanation`, value.explanation, PATH);
  entries(`${at}.detectors`, value.detectors, SHORT_LIST);
  for (const detector of value.detectors) matches(`${at}.detectors`, detector, DETECTOR);
  entries(`${at}.techniques`, value.techniques, SHORT_LIST);
  for (const technique of value.techniques) matches(`${at}.techniques`, technique, TECHNIQUE);
}

/** Bytes that are no sketch of a known kind come from no agent of ours; an unknown kind may come from a newer one. */
function sketches(at: string, value: WorkloadSketches, cluster: string): void {
  workload(`${at}.workload`, value.workload, cluster);
  range(`${at}.end_ns`, value.endNs, value.startNs, value.startNs + 86_400_000_000_000n);
  entries(`${at}.sketches`, value.sketches, SKETCHES);
  for (const [index, sketch] of value.sketches.entries()) {
    const here = `${at}.sketches[${index}]`;
    for (const key of ['what', 'kind', 'key'] as const) matches(`${here}.${key}`, sketch[key], SKETCH_NAME);
    text(`${here}.params`, sketch.params, NAME);
    entries(`${here}.bytes`, sketch.bytes, MAX_SKETCH_BYTES);
    if (isKnownSketch(sketch)) sketchOf(here, sketch);
  }
}

function sketchOf(at: string, sketch: EncodedSketch): void {
  try {
    decodeSketch(sketch);
  } catch (cause) {
    if (!(cause instanceof SketchError)) throw cause;
    throw new RefusedError('PICKET_MALFORMED', `${at}.bytes: ${cause.message}`, { cause });
  }
}

const ROOT = /^\d{1,10}:\d{1,20}$/;
/** Agents of before hashed it once more where values are private: it is nobody's then, and no reason to take nothing of a summary. */
const PRINT = /^((hash:)?[0-9a-f]{16})?$/;

function session(at: string, value: Session, { cluster, now }: { cluster: string; now: number }): void {
  matches(`${at}.root`, value.root, ROOT);
  matches(`${at}.args_sha256`, value.argsSha256, PRINT);
  ms(`${at}.wall_ms`, value.wallMs, now);
  for (const key of ['container', 'exe', 'by'] as const) text(`${at}.${key}`, value[key], NAME);
  workload(`${at}.workload`, value.workload, cluster);
  range(`${at}.args_bytes`, value.argsBytes, 0, Number.MAX_SAFE_INTEGER);
}

function rest(summary: Summary, { cluster, now }: { cluster: string; now: number }): void {
  for (const [index, report] of summary.orderReports.entries()) {
    const at = `order_reports[${index}]`;
    matches(`${at}.order`, report.order, ID);
    oneOf(`${at}.state`, report.state, ORDER_STATES);
    text(`${at}.detail`, report.detail, PATH);
    ms(`${at}.wall_ms`, report.wallMs, now);
    ms(`${at}.until_ms`, report.untilMs, now);
    oneOf(`${at}.verified`, report.verified, VERIFIED);
    texts(`${at}.proof`, report.proof, PATH);
    texts(`${at}.open`, report.open, PATH);
  }
  range('canary_interval_ms', summary.canaryIntervalMs, 0, DAY_MS);
  entries('canaries', summary.canaries, CANARIES);
  for (const [index, canary] of summary.canaries.entries()) {
    const at = `canaries[${index}]`;
    matches(`${at}.id`, canary.id, ID);
    oneOf(`${at}.result`, canary.result, CANARY_RESULTS);
    ms(`${at}.wall_ms`, canary.wallMs, now);
    range(`${at}.detect_ms`, canary.detectMs, 0, DAY_MS);
    text(`${at}.detail`, canary.detail, PATH);
  }
  const { standing } = summary;
  if (standing !== null) {
    for (const key of ['rules', 'exceptions', 'peers', 'profiles', 'verdicts'] as const)
      matches(`standing.${key}`, standing[key], VERSION);
    texts('standing.rule_problems', standing.ruleProblems, PATH);
    entries('standing.profile_states', standing.profileStates, PROFILES);
    for (const [index, profile] of standing.profileStates.entries()) {
      workload(`standing.profile_states[${index}].workload`, profile.workload, cluster);
      oneOf(`standing.profile_states[${index}].state`, profile.state, PROFILE_STATES);
    }
  }
  if (summary.health === null) return;
  text('health.version', summary.health.version, NAME);
  texts('health.hooks_missing', summary.health.hooksMissing, NAME);
  const lost = Object.keys(summary.health.lost);
  entries('health.lost', lost, SHORT_LIST);
  for (const reason of lost) text('health.lost key', reason, NAME);
}

function identity(summary: Summary, speaker: NodeIdentity): void {
  for (const key of ['cluster', 'node'] as const) {
    text(key, summary[key], NAME);
    if (summary[key] !== speaker[key])
      throw new RefusedError(
        'PICKET_IDENTITY',
        `${key}: ${show(summary[key])} is not ${show(speaker[key])} of the client certificate`,
      );
  }
}

/** @throws RefusedError that names the first field that cannot be taken, and its value. */
export function validate(summary: Summary, speaker: NodeIdentity, now: number): Report {
  if (summary.schema !== SCHEMA_VERSION)
    throw new RefusedError('PICKET_SCHEMA', `schema: ${summary.schema} is not ${SCHEMA_VERSION}`);
  identity(summary, speaker);
  matches('boot', summary.boot, UUID);
  range('sequence', summary.sequence, 0, Number.MAX_SAFE_INTEGER);
  const { clock } = summary;
  if (clock === null) throw new RefusedError('PICKET_MALFORMED', 'clock: missing');
  ms('clock.wall_ms', clock.wallMs, now);
  const { cluster } = speaker;
  for (const key of [
    'containers',
    'windows',
    'detections',
    'alerts',
    'orderReports',
    'sketches',
    'sessions',
  ] as const)
    entries(key, summary[key], ENTRIES);
  for (const [index, value] of summary.containers.entries())
    container(`containers[${index}]`, value, cluster);
  for (const [index, value] of summary.windows.entries()) window(`windows[${index}]`, value, cluster);
  for (const [index, value] of summary.detections.entries())
    detection(`detections[${index}]`, value, { cluster, now });
  for (const [index, value] of summary.alerts.entries()) alert(`alerts[${index}]`, value, { cluster, now });
  for (const [index, value] of summary.sketches.entries()) sketches(`sketches[${index}]`, value, cluster);
  for (const [index, value] of summary.sessions.entries())
    session(`sessions[${index}]`, value, { cluster, now });
  rest(summary, { cluster, now });
  const { boot, sequence, containers, windows, detections, alerts, orderReports, health } = summary;
  return {
    cluster,
    node: speaker.node,
    boot,
    sequence,
    receivedMs: now,
    anchor: clock,
    containers,
    windows,
    detections,
    alerts,
    orderReports,
    health,
    sketches: summary.sketches,
    sessions: summary.sessions,
    standing: summary.standing,
    canaries: summary.canaries,
    canaryIntervalMs: summary.canaryIntervalMs,
  };
}
