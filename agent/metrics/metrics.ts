/** The agent's metrics: read from its parts at each scrape, so that nothing is counted twice. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Counter, createMetrics, type Gauge, type Metrics } from '../../kit/metrics.ts';
import { DELIVERY } from './delivery-rows.ts';
import { JUDGING } from './judging-rows.ts';
import type { Numbers } from './numbers.ts';
import type { Pairs } from './row.ts';
import { WATCHING } from './watching-rows.ts';

/** Each sample wakes the process, which an idle agent should not do often. */
const DELAY_SAMPLE_MS = 500;

type LoopDelay = ReturnType<typeof monitorEventLoopDelay>;

const ROWS = [...WATCHING, ...JUDGING, ...DELIVERY];

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
