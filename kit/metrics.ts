/** The prom-client registry and our naming: `picket_<process>_<noun>_<unit>`, counters end in `_total`. */
import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import CounterClass from 'prom-client/lib/counter.js';
import GaugeClass from 'prom-client/lib/gauge.js';
import HistogramClass from 'prom-client/lib/histogram.js';
import RegistryClass from 'prom-client/lib/registry.js';

export type { Counter, Gauge, Histogram, Registry };

export interface Metrics {
  readonly registry: Registry;
  /** `collect` is called at each scrape; it may reset and count anew what others count. */
  counter<L extends string>(
    name: string,
    sentence: string,
    labels?: readonly L[],
    collect?: (counter: Counter<L>) => void,
  ): Counter<L>;
  /** `collect` is called at each scrape, to set the value then. */
  gauge<L extends string>(
    name: string,
    sentence: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void,
  ): Gauge<L>;
  histogram<L extends string>(
    name: string,
    sentence: string,
    buckets: readonly number[],
    labels?: readonly L[],
  ): Histogram<L>;
}

/** Metrics of one process; label sets must be bounded by the caller. */
export function createMetrics(process: 'agent' | 'central'): Metrics {
  const registry = new RegistryClass();
  const full = (name: string): string => `picket_${process}_${name}`;
  return {
    registry,
    counter(name, sentence, labels = [], collect) {
      const counter: Counter<(typeof labels)[number]> = new CounterClass({
        name: full(name),
        help: sentence,
        labelNames: [...labels],
        registers: [registry],
        ...(collect ? { collect: () => collect(counter) } : {}),
      });
      return counter;
    },
    gauge(name, sentence, labels = [], collect) {
      const gauge: Gauge<(typeof labels)[number]> = new GaugeClass({
        name: full(name),
        help: sentence,
        labelNames: [...labels],
        registers: [registry],
        ...(collect ? { collect: () => collect(gauge) } : {}),
      });
      return gauge;
    },
    histogram(name, sentence, buckets, labels = []) {
      return new HistogramClass({
        name: full(name),
        help: sentence,
        buckets: [...buckets],
        labelNames: [...labels],
        registers: [registry],
      });
    },
  };
}

const OBSERVED_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** How late the event loop runs its timers, as a histogram; returns how to stop. */
export function observeLoopDelay(metrics: Metrics, intervalMs = 100): () => void {
  const delay = metrics.histogram(
    'loop_delay_ms',
    'How much later than asked a timer ran, milliseconds.',
    OBSERVED_MS,
  );
  let due = performance.now() + intervalMs;
  const timer = setInterval(() => {
    const now = performance.now();
    delay.observe(Math.max(0, now - due));
    due = now + intervalMs;
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
