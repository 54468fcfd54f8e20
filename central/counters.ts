/** What the pipeline counts. */
import type { Metrics } from '../kit/metrics.ts';

const TOOK_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000];

const DETECT_MS = [0.5, 1, 2, 5, 10, 20, 50, 100, 500, 1000, 5000, 30_000];

export type Counters = ReturnType<typeof countersOf>;

export function countersOf(metrics: Metrics) {
  return {
    took: metrics.histogram(
      'take_ms',
      'From a whole summary to its stored report, incidents and orders, milliseconds.',
      TOOK_MS,
    ),
    summaries: metrics.counter('summaries_total', 'Summaries by what came of them.', ['result']),
    rows: metrics.counter(
      'report_entries_total',
      'Entries of summaries by kind; foreign: of an id that is another node’s; uncounted: covered by an exception beyond the 10,000 that are counted.',
      ['kind'],
    ),
    sketches: metrics.counter(
      'sketches_total',
      'Sketches by what came of them; other-key, unknown-kind: not taken, they would not merge.',
      ['result'],
    ),
    incidents: metrics.counter('incident_changes_total', 'Incidents opened, escalated, updated.', ['kind']),
    suppressed: metrics.counter('alerts_suppressed_total', 'Alerts kept out of incidents by an exception.'),
    steps: metrics.counter('plan_steps_total', 'Steps of plans by verdict.', ['verdict']),
    orders: metrics.counter('orders_total', 'Orders made, by kind.', ['kind']),
    clusterOrders: metrics.counter(
      'cluster_orders_total',
      'Cluster orders by action and what came of them.',
      ['action', 'state'],
    ),
    answers: metrics.counter(
      'order_answers_total',
      'Answers of nodes to orders by state; unknown, late: not taken.',
      ['state'],
    ),
    canaries: metrics.counter('canaries_total', 'Canaries of nodes by what came of them.', ['result']),
    canaryDetect: metrics.histogram(
      'canary_detect_ms',
      "From the kernel's record of a canary to its line in the node's alert log, milliseconds.",
      DETECT_MS,
    ),
    failures: metrics.counter('response_failures_total', 'Responses that failed and are tried again.'),
  };
}
