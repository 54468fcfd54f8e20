/** What nodes' canaries came to: one row a node. */
import type { Hearing } from '../correlate/deafness.ts';
import type { NodeIdentity, Report } from '../ingest/report.ts';
import type { Handle } from './rows.ts';

/** Times are central's, ms. */
export interface CanaryRow {
  cluster: string;
  node: string;
  interval_ms: number;
  since_ms: number;
  proved_ms: number;
  failures: number;
  result: string;
  detail: string;
  /** Of the last one that was seen, from the kernel to the node's log. */
  detect_ms: number;
  /** From the kernel to where a notifier took it, and when that was; 0: never. */
  notify_ms: number;
  notified_ms: number;
}

export interface CanaryStore {
  /** What a report says of the node's canaries. */
  add(report: Report): Promise<void>;
  /** A notifier took the last one. */
  notified(node: NodeIdentity, what: { tookMs: number; atMs: number }): Promise<void>;
  /** Of nodes heard since then, those heard last first. */
  hearings(most: number, sinceMs: number): Promise<readonly Hearing[]>;
}

const NONE = {
  ...{ proved_ms: 0, failures: 0, result: '', detail: '' },
  ...{ detect_ms: 0, notify_ms: 0, notified_ms: 0 },
};

function after(row: CanaryRow, { canaries, receivedMs }: Report): CanaryRow {
  let now = row;
  for (const { result, detail, detectMs } of canaries) {
    const proved = result === 'seen';
    now = {
      ...now,
      result,
      detail,
      failures: proved ? 0 : now.failures + 1,
      proved_ms: proved ? receivedMs : now.proved_ms,
      detect_ms: detectMs > 0 ? detectMs : now.detect_ms,
    };
  }
  return now;
}

export function canaryStore(db: Handle): CanaryStore {
  return {
    async add(report) {
      const { cluster, node, canaryIntervalMs, canaries, receivedMs } = report;
      const known = await db
        .selectFrom('canaries')
        .selectAll()
        .where('cluster', '=', cluster)
        .where('node', '=', node)
        .executeTakeFirst();
      if (known === undefined ? canaryIntervalMs === 0 : known.interval_ms === canaryIntervalMs)
        if (canaries.length === 0) return;
      const anew = known?.interval_ms !== canaryIntervalMs;
      // How often is another question now: what it missed at the other pace proves nothing.
      const base = {
        ...(known ?? { cluster, node, ...NONE }),
        ...(anew ? { interval_ms: canaryIntervalMs, since_ms: receivedMs, failures: 0 } : {}),
      } as CanaryRow;
      const row = after(base, report);
      await db
        .insertInto('canaries')
        .values(row)
        .onConflict((conflict) => conflict.columns(['cluster', 'node']).doUpdateSet(row))
        .execute();
    },
    async notified({ cluster, node }, { tookMs, atMs }) {
      await db
        .updateTable('canaries')
        .set({ notify_ms: tookMs, notified_ms: atMs })
        .where('cluster', '=', cluster)
        .where('node', '=', node)
        .execute();
    },
    async hearings(most, sinceMs) {
      return db
        .selectFrom('canaries')
        .innerJoin('nodes', (join) =>
          join.onRef('nodes.cluster', '=', 'canaries.cluster').onRef('nodes.node', '=', 'canaries.node'),
        )
        .select([
          'canaries.cluster',
          'canaries.node',
          'interval_ms as intervalMs',
          'since_ms as sinceMs',
          'proved_ms as provedMs',
          'failures',
          'result',
          'detail',
          'last_seen_ms as lastSeenMs',
        ])
        .where('last_seen_ms', '>', sinceMs)
        .orderBy('last_seen_ms', 'desc')
        .limit(most)
        .execute();
    },
  };
}
