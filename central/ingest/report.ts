/** The shape that a valid Summary becomes; the later stages know this and not the wire. */
import type {
  Alert,
  Canary,
  Container,
  Detection,
  Health,
  OrderReport,
  Session,
  SignedOrder,
  Sketch,
  Standing,
  Window,
  WorkloadSketches,
} from '../../wire/index.ts';

export type {
  Alert as ReportedAlert,
  Canary as ReportedCanary,
  Container as ReportedContainer,
  Detection as ReportedDetection,
  Health as ReportedHealth,
  OrderReport as ReportedOrder,
  Session as ReportedSession,
  SignedOrder,
  Sketch as ReportedSketch,
  Standing as ReportedStanding,
  Window as ReportedWindow,
  WorkloadSketches as ReportedSketches,
};

/** From least to most. */
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const ORDER_STATES = ['applied', 'done', 'refused', 'failed', 'released', 'expired'] as const;
export const CANARY_RESULTS = ['seen', 'late', 'missed', 'failed', 'forged'] as const;
/** What a node found when it looked whether an order took effect; empty: not told. */
export const VERIFIED = ['', 'tried', 'read-back', 'no'] as const;

/** Which node is speaking: the subject of its verified certificate. */
export interface NodeIdentity {
  readonly cluster: string;
  readonly node: string;
}

/** What one node had to say, checked. A report is known by (cluster, node, boot, sequence). */
export interface Report extends NodeIdentity {
  readonly boot: string;
  readonly sequence: number;
  /** Unix time of central, ms. */
  readonly receivedMs: number;
  /** What to add to a boot time in ns to get Unix time in ms. */
  readonly anchor: { readonly bootNs: bigint; readonly wallMs: number };
  /** All containers that the node has now. */
  readonly containers: readonly Container[];
  readonly windows: readonly Window[];
  readonly detections: readonly Detection[];
  readonly alerts: readonly Alert[];
  readonly orderReports: readonly OrderReport[];
  readonly health: Health | null;
  readonly sketches: readonly WorkloadSketches[];
  readonly sessions: readonly Session[];
  /** Null: an agent that takes nothing of what people set for all nodes. */
  readonly standing: Standing | null;
  /** What came of the programs that the agent starts to be seen, in their order. */
  readonly canaries: readonly Canary[];
  /** How often it starts one; 0: never. */
  readonly canaryIntervalMs: number;
}

/** Unix time, ms, of a boot time on the report's clock. */
export function wallOf(report: Pick<Report, 'anchor'>, bootNs: bigint): number {
  return report.anchor.wallMs + Number((bootNs - report.anchor.bootNs) / 1_000_000n);
}
