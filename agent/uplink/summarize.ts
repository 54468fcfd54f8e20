/**
 * What the pipeline gives, as entries of the spool and as summaries. Names and arguments come from workloads, so
 * every string is bounded here; central refuses control characters, so they are written out as escapes.
 */
import {
  type Alert,
  type Canary,
  type Container,
  type Detection,
  decodeContainer,
  encodeAlert,
  encodeCanary,
  encodeContainer,
  encodeDetection,
  encodeOrderReport,
  encodeSession,
  encodeSummary,
  encodeWindow,
  encodeWorkloadSketches,
  type Health,
  type Input,
  type OrderReport,
  SCHEMA_VERSION,
  type Session,
  type Standing,
  type Window,
  type WorkloadSketches,
} from '../../wire/index.ts';
import type { Entry } from './journal.ts';
import type { Segment } from './spool.ts';

/** Field numbers of Summary, compared with the schema by a test. */
export const FIELD = {
  containers: 7,
  windows: 8,
  detections: 9,
  alerts: 10,
  orderReports: 11,
  sessions: 50,
  canaries: 61,
  sketches: 70,
} as const;

const MAX_NAME = 253;
const MAX_TEXT = 4096;
const MAX_ITEMS = 64;
/** cluster/namespace/Kind/name/container. */
const MAX_WORKLOAD = 5 * (MAX_NAME + 1);
/** Of a Summary, so that containers and entries together stay far below MAX_SUMMARY_BYTES. */
const MAX_CONTAINERS = 4096;

const LEFT_OUT = '…';

/** The text, or its beginning and a sign that it was cut; never half of a surrogate pair. */
function cutTo(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}${LEFT_OUT}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/gu;
const escaped = (found: string): string => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Control characters, line separators and halves of surrogate pairs written out; at most `most` characters. */
export function tame(text: string, most: number): string {
  return cutTo(cutTo(text, most).replace(UNSAFE, escaped), most);
}

const name = (text: string | undefined): string => tame(text ?? '', MAX_NAME);
const sentence = (text: string | undefined): string => tame(text ?? '', MAX_TEXT);
const names = (list: readonly string[] | undefined): string[] => (list ?? []).slice(0, MAX_ITEMS).map(name);

export function detectionEntry(detection: Input<Detection>): Entry {
  const facts: Record<string, string> = {};
  for (const [key, value] of Object.entries(detection.facts ?? {}).slice(0, MAX_ITEMS))
    facts[tame(key, 64)] = tame(String(value), 1024 - 64);
  const payload = encodeDetection({
    ...detection,
    detector: name(detection.detector),
    container: name(detection.container),
    workload: tame(detection.workload ?? '', MAX_WORKLOAD),
    summary: sentence(detection.summary),
    techniques: names(detection.techniques),
    facts,
  });
  return { field: FIELD.detections, payload };
}

export function alertEntry(alert: Input<Alert>): Entry {
  const payload = encodeAlert({
    ...alert,
    container: name(alert.container),
    workload: tame(alert.workload ?? '', MAX_WORKLOAD),
    title: sentence(alert.title),
    explanation: (alert.explanation ?? []).slice(0, 12).map(sentence),
    detectors: names(alert.detectors),
    techniques: names(alert.techniques),
    quality: sentence(alert.quality),
  });
  return { field: FIELD.alerts, payload };
}

export function windowEntry(window: Input<Window>): Entry {
  const bounded = {
    ...window,
    container: name(window.container),
    workload: tame(window.workload ?? '', MAX_WORKLOAD),
  };
  return { field: FIELD.windows, payload: encodeWindow(bounded) };
}

export function orderReportEntry(report: Input<OrderReport>): Entry {
  return {
    field: FIELD.orderReports,
    payload: encodeOrderReport({ ...report, detail: sentence(report.detail) }),
  };
}

export function sessionEntry(session: Input<Session>): Entry {
  const { container, workload, exe, by } = session;
  const bounded = {
    ...session,
    container: name(container),
    workload: tame(workload ?? '', MAX_WORKLOAD),
    exe: name(exe),
    by: name(by),
  };
  return { field: FIELD.sessions, payload: encodeSession(bounded) };
}

export function canaryEntry(canary: Input<Canary>): Entry {
  return { field: FIELD.canaries, payload: encodeCanary({ ...canary, detail: sentence(canary.detail) }) };
}

export function sketchesEntry(sketches: Input<WorkloadSketches>): Entry {
  const workload = tame(sketches.workload ?? '', MAX_WORKLOAD);
  return { field: FIELD.sketches, payload: encodeWorkloadSketches({ ...sketches, workload }) };
}

/** Kept when a container goes, so that central can name what happened in it before the next summary. */
export function containerEntry(container: Input<Container>): Entry {
  return { field: FIELD.containers, payload: encodeContainer(boundedContainer(container)) };
}

function boundedContainer(container: Input<Container>): Input<Container> {
  return {
    ...container,
    id: name(container.id),
    name: name(container.name),
    pod: name(container.pod),
    namespace: name(container.namespace),
    workload: tame(container.workload ?? '', MAX_WORKLOAD),
    image: tame(container.image ?? '', 1024),
  };
}

/** What a summary says of the node itself, read when it is made. */
export interface NodeState {
  readonly cluster: string;
  readonly node: string;
  readonly boot: string;
  readonly bootNs: bigint;
  readonly wallMs: number;
  readonly containers: readonly Input<Container>[];
  readonly health: Input<Health>;
  /** What of central's stands here. */
  readonly standing?: Input<Standing>;
  /** 0: it makes none. */
  readonly canaryIntervalMs?: number;
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

/**
 * A segment as a Summary. Entries are copied as they are, each behind its field's tag: that a message may be put
 * together from pieces is a promise of the encoding. A segment of an earlier boot has that boot's clock.
 */
export function summaryOf(segment: Segment, node: NodeState): Buffer {
  const sameBoot = segment.header.boot === node.boot;
  const { boot, bootNs, wallMs } = sameBoot ? node : segment.header;
  const listed = sameBoot ? node.containers.slice(0, MAX_CONTAINERS).map(boundedContainer) : [];
  const ids = new Set(listed.map(({ id }) => id));
  const parts: Uint8Array[] = [
    encodeSummary({
      schema: SCHEMA_VERSION,
      cluster: node.cluster,
      node: node.node,
      boot,
      sequence: segment.sequence,
      clock: { bootNs, wallMs },
      containers: listed,
      health: node.health,
      canaryIntervalMs: node.canaryIntervalMs ?? 0,
      ...(node.standing === undefined ? {} : { standing: node.standing }),
    }),
  ];
  for (const { field, payload } of segment.entries) {
    if (field === FIELD.containers) {
      const { id } = decodeContainer(payload);
      if (ids.has(id)) continue;
      ids.add(id);
    }
    parts.push(Uint8Array.of(...varint((field << 3) | 2), ...varint(payload.length)), payload);
  }
  return Buffer.concat(parts);
}
