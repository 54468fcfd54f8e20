/** An alert of Falco's HTTP output (json_output), as evidence beside our own. Pure. */
import { createHash } from 'node:crypto';
import type { Severity } from '../ingest/report.ts';
import type { Evidence } from './incident.ts';

export interface FalcoAlert {
  readonly rule: string;
  readonly output: string;
  readonly severity: Severity;
  readonly timeMs: number;
  readonly hostname: string;
  readonly techniques: readonly string[];
  /** Falco's short id, 12 hex digits, or empty. */
  readonly container: string;
  readonly facts: Readonly<Record<string, string>>;
}

// https://falco.org/docs/concepts/rules/basic-elements/#priority
const SEVERITY: Readonly<Record<string, Severity>> = {
  emergency: 'critical',
  alert: 'critical',
  critical: 'critical',
  error: 'high',
  warning: 'medium',
  notice: 'low',
  informational: 'info',
  info: 'info',
  debug: 'info',
};
const SCORE: Readonly<Record<Severity, number>> = {
  info: 0.2,
  low: 0.4,
  medium: 0.6,
  high: 0.8,
  critical: 0.9,
};
/** Fields of an output that are kept: what names the deed. Command lines are not: they may hold secrets. */
const FACTS = ['proc.name', 'proc.exepath', 'proc.pname', 'user.name', 'fd.name', 'evt.type'];
const TEXT = 300;
/** The same rule in the same container is one alert for so long. */
const TOGETHER_MS = 600_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: outputs carry names that workloads chose
const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, TEXT);
const textOf = (value: unknown): string => (typeof value === 'string' ? plain(value) : '');

/** null: it is none. */
export function readFalco(body: Readonly<Record<string, unknown>>): FalcoAlert | null {
  const { rule, output, priority, time, hostname, tags, output_fields: given } = body;
  const severity = SEVERITY[textOf(priority).toLowerCase()];
  const timeMs = Date.parse(textOf(time));
  if (textOf(rule) === '' || severity === undefined || Number.isNaN(timeMs)) return null;
  const fields = typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {};
  const id = textOf(fields['container.id']);
  const facts = FACTS.flatMap((name) =>
    textOf(fields[name]) === '' ? [] : [[name, textOf(fields[name])] as const],
  );
  return {
    rule: textOf(rule),
    output: textOf(output),
    severity,
    timeMs,
    hostname: textOf(hostname),
    techniques: (Array.isArray(tags) ? tags : []).map(textOf).filter((tag) => /^T\d{4}(\.\d{3})?$/.test(tag)),
    container: /^[0-9a-f]{12,64}$/.test(id) ? id : '',
    facts: Object.fromEntries(facts),
  };
}

const idOf = (prefix: string, parts: readonly unknown[]): string =>
  `${prefix}-${createHash('sha256')
    .update(JSON.stringify(['falco', ...parts]))
    .digest('hex')
    .slice(0, 20)}`;

/** `found`: the container as a node reported it; null: no node did, and the alert stands by itself. */
export function falcoEvidence(
  one: FalcoAlert,
  at: { cluster: string; found: { node: string; container: Evidence['container'] } | null },
): Evidence {
  const { rule, severity, timeMs, techniques, facts } = one;
  const node = at.found?.node ?? one.hostname;
  const container = at.found?.container ?? null;
  const workload = container?.workload ?? `${at.cluster}//Node/${node}`;
  const id = idOf('alr', [at.cluster, node, one.container, rule, Math.floor(timeMs / TOGETHER_MS)]);
  const about = {
    severity,
    score: SCORE[severity],
    container: container?.id ?? '',
    workload,
    techniques: [...techniques],
  };
  const detector = 'falco';
  return {
    cluster: at.cluster,
    node,
    container,
    identities: [],
    pods: [],
    visits: [],
    opens: severity === 'high' || severity === 'critical',
    detections: [
      {
        ...about,
        id: idOf('det', [at.cluster, node, one.container, rule, timeMs, one.output]),
        detector,
        timeNs: 0n,
        wallMs: timeMs,
        pid: 0,
        processStartNs: 0n,
        summary: `Falco: ${rule}`,
        alert: id,
        facts: { rule, ...facts },
      },
    ],
    alert: {
      ...about,
      id,
      firstNs: 0n,
      lastNs: 0n,
      firstWallMs: timeMs,
      lastWallMs: timeMs,
      title: `Falco: ${rule}`,
      explanation: [`Falco's rule "${rule}" matched; its own words: ${one.output}`],
      detectors: [detector],
      count: 1,
      revision: 1,
      quality: '',
    },
  };
}
