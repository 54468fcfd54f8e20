/**
 * What nodes say of workloads in sketches. Kept per node and day, so that what one node said can be left out, and merged
 * over nodes and days when it is asked for.
 */
import { decodeSketch, type EncodedSketch, mergeSketches, type Sketch } from '../../kit/sketch/sketch.ts';
import type { Report, ReportedSketch } from '../ingest/report.ts';
import type { Handle } from './rows.ts';

const DAY_MS = 86_400_000;
/** What is asked for is of so many days. */
const DAYS = 7;
const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;
/** Of the most frequent values, so many are told. */
const FREQUENT = 10;

export interface WorkloadView {
  readonly cluster: string;
  readonly workload: string;
  readonly nodes: number;
  readonly lastMs: number;
  /** How many different ones: peers, executables, folders. */
  readonly distinct: Readonly<Record<string, number>>;
  readonly quantiles: Readonly<Record<string, Readonly<Record<keyof typeof QUANTILES, number>>>>;
  /** Hashes under the fleet's key. */
  readonly frequent: Readonly<Record<string, readonly { readonly hash: string; readonly count: number }[]>>;
}

export interface SketchStore {
  /** Merges into what the node said before on this day. Part of the transaction in which the report is taken once. */
  add(report: Report): Promise<void>;
  workloads(page: { limit: number; offset: number; nowMs: number }): Promise<readonly WorkloadView[]>;
}

const dayOf = (ms: number): number => ms - (ms % DAY_MS);

async function merge(
  db: Handle,
  whose: { cluster: string; node: string; workload: string; atMs: number },
  one: ReportedSketch,
): Promise<void> {
  const { atMs, ...names } = whose;
  const { what, kind, version, params } = one;
  const key = { ...names, what, kind, version, params, key_id: one.key, day_ms: dayOf(atMs) };
  let query = db.selectFrom('sketches').select('bytes');
  for (const [column, value] of Object.entries(key))
    query = query.where(column as keyof typeof key, '=', value);
  const known = await query.executeTakeFirst();
  const bytes = known === undefined ? one.bytes : mergeSketches(one, { ...one, bytes: known.bytes }).bytes;
  await db
    .insertInto('sketches')
    .values({ ...key, bytes, last_ms: atMs })
    .onConflict((conflict) =>
      conflict
        .columns(['cluster', 'workload', 'node', 'what', 'kind', 'params', 'key_id', 'version', 'day_ms'])
        .doUpdateSet({ bytes, last_ms: atMs }),
    )
    .execute();
}

export function sketchStore(db: Handle): SketchStore {
  return {
    async add({ cluster, node, receivedMs: atMs, sketches }) {
      for (const { workload, sketches: list } of sketches)
        for (const one of list) await merge(db, { cluster, node, workload, atMs }, one);
    },
    async workloads({ limit, offset, nowMs }) {
      const since = dayOf(nowMs) - (DAYS - 1) * DAY_MS;
      const names = await db
        .selectFrom('sketches')
        .select(['cluster', 'workload'])
        .distinct()
        .where('day_ms', '>=', since)
        .orderBy('cluster')
        .orderBy('workload')
        .limit(limit)
        .offset(offset)
        .execute();
      const views: WorkloadView[] = [];
      for (const { cluster, workload } of names) {
        const rows = await db
          .selectFrom('sketches')
          .selectAll()
          .where('cluster', '=', cluster)
          .where('workload', '=', workload)
          .where('day_ms', '>=', since)
          .execute();
        const nodes = new Set(rows.map(({ node }) => node)).size;
        const lastMs = Math.max(...rows.map(({ last_ms }) => last_ms));
        views.push({ cluster, workload, nodes, lastMs, ...told(merged(rows)) });
      }
      return views;
    },
  };
}

interface Row extends EncodedSketch {
  readonly what: string;
  readonly key_id: string;
}

/** One sketch of each kind and key: those of two keys do not merge. */
function merged(rows: readonly Row[]): { what: string; sketch: Sketch }[] {
  const found = new Map<string, Row>();
  for (const row of rows) {
    const name = [row.what, row.kind, row.version, row.params, row.key_id].join(' ');
    const known = found.get(name);
    found.set(name, known === undefined ? row : { ...row, ...mergeSketches(known, row) });
  }
  return [...found.values()].map((row) => ({ what: row.what, sketch: decodeSketch(row) }));
}

/** While two keys are in use the larger number is told: the truth is between it and the sum. */
function told(sketches: readonly { what: string; sketch: Sketch }[]) {
  const distinct: Record<string, number> = {};
  const quantiles: Record<string, Record<keyof typeof QUANTILES, number>> = {};
  const frequent: Record<string, { hash: string; count: number }[]> = {};
  for (const { what, sketch } of sketches) {
    if ('quantile' in sketch) {
      const at = (q: number): number => Math.round(sketch.quantile(q) ?? 0);
      quantiles[what] = { p50: at(QUANTILES.p50), p95: at(QUANTILES.p95), p99: at(QUANTILES.p99) };
    } else if ('top' in sketch)
      frequent[what] = [...(frequent[what] ?? []), ...sketch.top().slice(0, FREQUENT)];
    else distinct[what] = Math.max(distinct[what] ?? 0, Math.round(sketch.estimate()));
  }
  return { distinct, quantiles, frequent };
}
