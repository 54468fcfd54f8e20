/** Deletes what central keeps no longer, and says what it holds. */
import type { Log } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import type { CentralSettings } from './settings.ts';
import type { Store } from './store/database.ts';

/** Steps that are taken away in one transaction. */
const STEPS = 500;
/** A node that was not heard for so long is gone: its containers would count as replicas of their workloads for ever. */
const GONE_MS = 86_400_000;
/** While central was away nobody could be heard: agents come back to it at least each minute. */
const HEARING_MS = 600_000;

export interface UpkeepParts {
  readonly store: Pick<Store, 'deleteOld' | 'endContainers' | 'pruneSteps' | 'bytes'>;
  readonly settings: Pick<
    CentralSettings,
    'retention' | 'keep-incidents' | 'keep-nodes' | 'keep-steps' | 'database-bytes'
  >;
  readonly nowMs: () => number;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** How many went, and whether the next to go are what central wrote: otherwise they stay. */
async function prune(
  { store, settings, nowMs }: UpkeepParts,
  signal: AbortSignal,
): Promise<{ rows: number; unlike: boolean }> {
  const now = nowMs();
  let rows = 0;
  for (;;) {
    if (signal.aborted) return { rows, unlike: false };
    const some = await store.pruneSteps({ beforeMs: now - settings['keep-steps'], nowMs: now, most: STEPS });
    rows += some ?? 0;
    if (some !== STEPS) return { rows, unlike: some === null };
  }
}

export function createUpkeep(parts: UpkeepParts): { run(signal: AbortSignal): Promise<void> } {
  const { store, settings, nowMs, metrics, log } = parts;
  const rows = metrics.counter(
    'deleted_rows_total',
    'Rows deleted because their time was over, or because the database was larger than database-bytes.',
    ['table', 'reason'],
  );
  const bytes = metrics.gauge('database_bytes', 'Bytes of the database in use.', []);
  const refused = metrics.counter(
    'prune_refused_total',
    'Times that steps of which the time is over were kept, because they are not what central wrote.',
    [],
  );
  const startedMs = nowMs();
  return {
    async run(signal) {
      const limits = {
        detailsBeforeMs: nowMs() - settings.retention,
        storyBeforeMs: nowMs() - settings['keep-incidents'],
        nodesBeforeMs: nowMs() - startedMs < HEARING_MS ? 0 : nowMs() - settings['keep-nodes'],
        recordBeforeMs: nowMs() - settings['keep-steps'],
        maxBytes: settings['database-bytes'],
      };
      await store.endContainers(nowMs() - GONE_MS);
      const deleted = await store.deleteOld(limits, signal);
      const { rows: steps, unlike } = await prune(parts, signal);
      if (unlike) {
        refused.inc();
        log.error('steps are not what was written: none are deleted, look with picket audit verify');
      }
      const all = steps > 0 ? [...deleted, { table: 'steps', reason: 'age', rows: steps }] : deleted;
      for (const { table, reason, rows: count } of all) rows.inc({ table, reason }, count);
      if (all.length > 0) log.info({ deleted: all }, 'old rows deleted');
      bytes.set(await store.bytes());
    },
  };
}
