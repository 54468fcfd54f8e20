/** What nodes report: receipts, nodes, containers, windows, detections, alerts. */
import type { Sibling } from '../correlate/surroundings.ts';
import type { Report, ReportedAlert, ReportedContainer, ReportedDetection } from '../ingest/report.ts';
import { wallOf } from '../ingest/report.ts';
import { chunks, type Handle, texts } from './rows.ts';

export interface Stored {
  readonly duplicate: boolean;
  /** Alerts that are new, or newer than the one stored. */
  readonly alerts: readonly ReportedAlert[];
  /** Detections and alerts whose id belongs to another node's: not stored. */
  readonly foreign: number;
  /** What exceptions covered that are too many to be counted each. */
  readonly uncounted: number;
}

async function upsertNode(db: Handle, report: Report): Promise<{ newest: boolean }> {
  const { cluster, node, boot, sequence, receivedMs } = report;
  const known = await db
    .selectFrom('nodes')
    .select(['boot', 'sequence'])
    .where('cluster', '=', cluster)
    .where('node', '=', node)
    .executeTakeFirst();
  const newest = known === undefined || known.boot !== boot || sequence > known.sequence;
  const seen = { last_seen_ms: receivedMs };
  const health = report.health === null ? {} : { health: JSON.stringify(report.health) };
  const now = newest ? { ...seen, ...health, boot, sequence } : seen;
  await db
    .insertInto('nodes')
    .values({ cluster, node, boot, sequence, first_seen_ms: receivedMs, health: '', ...now })
    .onConflict((conflict) => conflict.columns(['cluster', 'node']).doUpdateSet(now))
    .execute();
  return { newest };
}

/** The list is all that the node has: what is not in it is live no more. */
async function replaceContainers(db: Handle, report: Report): Promise<void> {
  const { cluster, node, receivedMs } = report;
  await db
    .updateTable('containers')
    .set({ live: 0 })
    .where('cluster', '=', cluster)
    .where('node', '=', node)
    .execute();
  const rows = report.containers.map((one) => ({
    cluster,
    node,
    id: one.id,
    name: one.name,
    pod_uid: one.podUid,
    pod: one.pod,
    namespace: one.namespace,
    workload: one.workload,
    image: one.image,
    image_digest: one.imageDigest,
    cgroup: String(one.cgroup),
    runtime: one.runtime,
    live: 1,
    first_seen_ms: receivedMs,
    last_seen_ms: receivedMs,
  }));
  for (const part of chunks(rows))
    await db
      .insertInto('containers')
      .values(part)
      .onConflict((conflict) =>
        conflict.columns(['cluster', 'node', 'id']).doUpdateSet(({ ref }) => ({
          live: 1,
          last_seen_ms: ref('excluded.last_seen_ms'),
          name: ref('excluded.name'),
          pod_uid: ref('excluded.pod_uid'),
          pod: ref('excluded.pod'),
          namespace: ref('excluded.namespace'),
          workload: ref('excluded.workload'),
          image: ref('excluded.image'),
          image_digest: ref('excluded.image_digest'),
        })),
      )
      .execute();
}

async function insertWindows(db: Handle, report: Report): Promise<void> {
  const { cluster, node, boot } = report;
  const rows = report.windows.map((one) => ({
    cluster,
    node,
    boot,
    container: one.container,
    workload: one.workload,
    start_ns: String(one.startNs),
    end_ns: String(one.endNs),
    wall_ms: wallOf(report, one.endNs),
    syscalls: one.syscalls,
    distinct_syscalls: one.distinctSyscalls,
    execs: one.execs,
    forks: one.forks,
    exits: one.exits,
    connects: one.connects,
    accepts: one.accepts,
    failures: one.failures,
    new_facts: one.newFacts,
    lost: one.lost,
    state: one.state,
    bytes_in: one.bytesIn,
    bytes_out: one.bytesOut,
    segments: one.segments,
    datagrams: one.datagrams,
    dns_questions: one.dnsQuestions,
    dns_failures: one.dnsFailures,
  }));
  for (const part of chunks(rows))
    await db
      .insertInto('windows')
      .values(part)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
}

async function insertDetections(db: Handle, report: Report): Promise<number> {
  const { cluster, node, boot } = report;
  let foreign = 0;
  for (const one of report.detections) {
    const result = await db
      .insertInto('detections')
      .values({
        id: one.id,
        cluster,
        node,
        boot,
        detector: one.detector,
        severity: one.severity,
        score: one.score,
        time_ns: String(one.timeNs),
        wall_ms: one.wallMs,
        container: one.container,
        workload: one.workload,
        pid: one.pid,
        process_start_ns: String(one.processStartNs),
        summary: one.summary,
        alert: one.alert,
        techniques: JSON.stringify(one.techniques),
        facts: JSON.stringify(one.facts),
      })
      .onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet({ alert: one.alert })
          .where('detections.cluster', '=', cluster)
          .where('detections.node', '=', node),
      )
      .executeTakeFirst();
    if (result.numInsertedOrUpdatedRows === 0n) foreign += 1;
  }
  return foreign;
}

async function insertAlert(
  db: Handle,
  report: Report,
  one: ReportedAlert,
): Promise<'changed' | 'old' | 'foreign'> {
  const { cluster, node, boot } = report;
  const known = await db
    .selectFrom('alerts')
    .select(['cluster', 'node', 'revision'])
    .where('id', '=', one.id)
    .executeTakeFirst();
  if (known !== undefined && (known.cluster !== cluster || known.node !== node)) return 'foreign';
  if (known !== undefined && known.revision >= one.revision) return 'old';
  const row = {
    id: one.id,
    cluster,
    node,
    boot,
    severity: one.severity,
    score: one.score,
    first_ns: String(one.firstNs),
    last_ns: String(one.lastNs),
    first_wall_ms: one.firstWallMs,
    last_wall_ms: one.lastWallMs,
    container: one.container,
    workload: one.workload,
    title: one.title,
    explanation: JSON.stringify(one.explanation),
    detectors: JSON.stringify(one.detectors),
    techniques: JSON.stringify(one.techniques),
    count: one.count,
    revision: one.revision,
    quality: one.quality,
    suppressed: '',
  };
  await db
    .insertInto('alerts')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  return 'changed';
}

/** One more of what an exception covered. */
async function hit(db: Handle, name: string, { hits, atMs }: { hits: number; atMs: number }): Promise<void> {
  await db
    .insertInto('exception_hits')
    .values({ name, hits, last_ms: atMs })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet(({ eb }) => ({ hits: eb('exception_hits.hits', '+', hits), last_ms: atMs })),
    )
    .execute();
}

/** Of those, the names that central told nodes of at any time: what a node says is its word, and any other is not counted. */
async function knownOf(db: Handle, names: readonly string[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (const some of chunks(names, 1000)) {
    const made = db.selectFrom('exceptions').select('name').where('name', 'in', some);
    const documents = db
      .selectFrom('policies')
      .select('name')
      .where('name', 'in', some)
      .where('kind', '=', 'PicketException');
    for (const { name } of [...(await made.execute()), ...(await documents.execute())]) known.add(name);
  }
  return known;
}

/** What the node itself found to be covered by an exception that it was told of. Says how many it did not count. */
async function countExcepted(db: Handle, { detections, receivedMs }: Report): Promise<number> {
  const hits = new Map<string, number>();
  for (const { facts } of detections) {
    const name = facts['excepted'];
    if (name !== undefined) hits.set(name, (hits.get(name) ?? 0) + 1);
  }
  const known = await knownOf(db, [...hits.keys()]);
  let uncounted = 0;
  for (const [name, count] of hits)
    if (known.has(name)) await hit(db, name, { hits: count, atMs: receivedMs });
    else uncounted += count;
  return uncounted;
}

/** Of all workloads asked about at once; a workload of more has no outliers to be told. */
const SIBLINGS = 20_000;

export interface ReportStore {
  /** Stores the report, or finds that it was stored before and changes nothing. Part of one transaction. */
  add(report: Report): Promise<Stored>;
  /** When each was last heard; those heard last first. */
  nodes(most: number): Promise<readonly { cluster: string; node: string; lastSeenMs: number }[]>;
  detectionsOf(alert: string, most: number): Promise<readonly ReportedDetection[]>;
  container(key: { cluster: string; node: string; id: string }): Promise<ReportedContainer | null>;
  /** Containers of these workloads that live, or were seen since `sinceMs`. */
  siblings(workloads: readonly string[], sinceMs: number): Promise<ReadonlyMap<string, readonly Sibling[]>>;
  suppress(alert: string, exception: string, nowMs: number): Promise<void>;
}

export function reportStore(db: Handle): ReportStore {
  return {
    async add(report) {
      const { cluster, node, boot, sequence, receivedMs } = report;
      const receipt = await db
        .insertInto('summaries')
        .values({ cluster, node, boot, sequence, received_ms: receivedMs })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (receipt.numInsertedOrUpdatedRows === 0n)
        return { duplicate: true, alerts: [], foreign: 0, uncounted: 0 };
      const { newest } = await upsertNode(db, report);
      if (newest) await replaceContainers(db, report);
      await insertWindows(db, report);
      let foreign = await insertDetections(db, report);
      const uncounted = await countExcepted(db, report);
      const alerts: ReportedAlert[] = [];
      for (const one of report.alerts) {
        const result = await insertAlert(db, report, one);
        if (result === 'changed') alerts.push(one);
        if (result === 'foreign') foreign += 1;
      }
      return { duplicate: false, alerts, foreign, uncounted };
    },
    nodes: (most) =>
      db
        .selectFrom('nodes')
        .select(['cluster', 'node', 'last_seen_ms as lastSeenMs'])
        .orderBy('last_seen_ms', 'desc')
        .limit(most)
        .execute(),
    async detectionsOf(alert, most) {
      const rows = await db
        .selectFrom('detections')
        .selectAll()
        .where('alert', '=', alert)
        .orderBy('wall_ms')
        .limit(most)
        .execute();
      return rows.map((row) => ({
        id: row.id,
        detector: row.detector,
        severity: row.severity,
        score: row.score,
        timeNs: BigInt(row.time_ns),
        wallMs: row.wall_ms,
        container: row.container,
        workload: row.workload,
        pid: row.pid,
        processStartNs: BigInt(row.process_start_ns),
        summary: row.summary,
        alert: row.alert,
        techniques: texts(row.techniques),
        facts: JSON.parse(row.facts) as Record<string, string>,
      }));
    },
    async container({ cluster, node, id }) {
      const row = await db
        .selectFrom('containers')
        .selectAll()
        .where('cluster', '=', cluster)
        .where('node', '=', node)
        .where('id', '=', id)
        .executeTakeFirst();
      if (row === undefined) return null;
      const { name, pod, namespace, workload, image, runtime } = row;
      const names = { id, name, pod, namespace, workload, image, runtime };
      const cgroup = Number(row.cgroup);
      return { ...names, podUid: row.pod_uid, imageDigest: row.image_digest, cgroup, life: null };
    },
    async siblings(workloads, sinceMs) {
      const found = new Map<string, Sibling[]>();
      for (const part of chunks(workloads)) {
        const rows = await db
          .selectFrom('containers')
          .select(['workload', 'node', 'id', 'image_digest', 'first_seen_ms', 'live'])
          .where('workload', 'in', part)
          .where((either) => either.or([either('live', '=', 1), either('last_seen_ms', '>=', sinceMs)]))
          .limit(SIBLINGS)
          .execute();
        for (const { workload, node, id, image_digest, first_seen_ms, live } of rows) {
          const all = found.get(workload) ?? [];
          all.push({ node, id, imageDigest: image_digest, sinceMs: first_seen_ms, live: live === 1 });
          found.set(workload, all);
        }
      }
      return found;
    },
    async suppress(alert, exception, nowMs) {
      await db.updateTable('alerts').set({ suppressed: exception }).where('id', '=', alert).execute();
      await hit(db, exception, { hits: 1, atMs: nowMs });
    },
  };
}
