/** What a container did lately, from its windows and detections: what a containment would have cut. */
import type { Handle } from './rows.ts';

const DETECTIONS = 20;

export interface Activity {
  readonly container: string;
  readonly sinceMs: number;
  /** Windows that were told; 0: nothing is known. */
  readonly windows: number;
  readonly connects: number;
  readonly accepts: number;
  readonly datagrams: number;
  readonly dnsQuestions: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly execs: number;
  /** The last ones, newest first. */
  readonly detections: readonly {
    readonly atMs: number;
    readonly detector: string;
    readonly summary: string;
  }[];
}

const SUMS = {
  connects: 'connects',
  accepts: 'accepts',
  datagrams: 'datagrams',
  dnsQuestions: 'dns_questions',
  bytesIn: 'bytes_in',
  bytesOut: 'bytes_out',
  execs: 'execs',
} as const;

export async function activityOf(db: Handle, container: string, sinceMs: number): Promise<Activity> {
  const of = db.selectFrom('windows').where('container', '=', container).where('wall_ms', '>=', sinceMs);
  const { windows } = await of
    .select((eb) => eb.fn.countAll<number>().as('windows'))
    .executeTakeFirstOrThrow();
  const sums: Record<string, number> = {};
  for (const [name, column] of Object.entries(SUMS)) {
    const row = await of.select((eb) => eb.fn.sum<number | null>(column).as('sum')).executeTakeFirstOrThrow();
    sums[name] = Number(row.sum ?? 0);
  }
  const detections = await db
    .selectFrom('detections')
    .select(['wall_ms as atMs', 'detector', 'summary'])
    .where('container', '=', container)
    .where('wall_ms', '>=', sinceMs)
    .orderBy('wall_ms', 'desc')
    .limit(DETECTIONS)
    .execute();
  return {
    container,
    sinceMs,
    windows: Number(windows),
    ...(sums as Record<keyof typeof SUMS, number>),
    detections,
  };
}
