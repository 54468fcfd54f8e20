/**
 * The way of requests to the Kubernetes API through the stages: rows of webhooks and files are judged in their order, and
 * what is found is kept in one transaction with what it does to incidents. What could not be kept is kept with the next rows.
 */
import type { Clock } from '../kit/clock.ts';
import type { Log } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import { type FilePlace, readLines } from './audit/follow.ts';
import type { ApiAlert } from './audit/groups.ts';
import { Habits, type Learnt } from './audit/habits.ts';
import { type PodEntry, Watch } from './audit/watch.ts';
import type { EventBook } from './cluster/event-book.ts';
import type { Evidence } from './correlate/incident.ts';
import { evidenceOf } from './evidence.ts';
import type { Pipeline } from './pipeline.ts';
import type { Store, StoreParts } from './store/database.ts';

/** Rows of admission reviews that wait; an exec is never held up, so what does not fit is dropped and counted. */
const OFFERED = 1000;
/** Entries that wait for the store; each is some hundred bytes. */
const PENDING = 10_000;
/** Rows judged before others get their turn: about a millisecond. */
const SLICE = 20;

export interface ApiActivityParts {
  readonly cluster: string;
  readonly store: Store;
  readonly pipeline: Pick<Pipeline, 'takeEvidence'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  /** What Kubernetes says of pods. */
  readonly events: Pick<EventBook, 'ofPod'>;
}
export interface ApiActivity {
  /** Reads what was learnt; once, before anything is taken. */
  start(): Promise<void>;
  /** Resolves when it is kept. @throws what the store says; the rows may come again. */
  take(rows: readonly unknown[], malformed: number): Promise<void>;
  /** At once; false: there is no room. */
  offer(row: unknown): boolean;
  /** Reads on in these files. */
  follow(paths: readonly string[]): Promise<void>;
  /** Keeps what was offered and what waits. */
  tick(): Promise<void>;
}

function apiEvidence(cluster: string, { alert, detections, identity, pods, grave }: ApiAlert): Evidence {
  return {
    cluster,
    node: '',
    alert,
    container: null,
    detections,
    identities: [identity],
    visits: [],
    pods: pods.map(({ namespace, pod }) => `${namespace}/${pod}`),
    opens: grave,
  };
}

class RunningActivity implements ApiActivity {
  private readonly parts: ApiActivityParts;
  private readonly counted;
  private watch: Watch;
  private queue: Promise<void> = Promise.resolve();
  private offered: unknown[] = [];
  /** Found and not yet kept. */
  private alerts = new Map<string, ApiAlert>();
  private entries: PodEntry[] = [];
  private learnt: Learnt[] = [];

  constructor(parts: ApiActivityParts) {
    this.parts = parts;
    this.watch = new Watch(parts.cluster);
    const { metrics } = parts;
    this.counted = {
      events: metrics.counter(
        'audit_events_total',
        'Rows of audit logs by what came of them; stage, again: of a request that was judged before; dropped: no room.',
        ['result'],
      ),
      alerts: metrics.counter(
        'api_alerts_total',
        'Alerts about requests to the API that were opened or grew.',
        ['severity'],
      ),
      lag: metrics.histogram(
        'audit_lag_ms',
        'From a request to its being kept here, milliseconds.',
        [100, 300, 1000, 3000, 10_000, 60_000],
      ),
    };
    metrics.gauge('api_habits', 'Facts known of identities of the API.', [], (gauge) =>
      gauge.set(this.watch.habits.size),
    );
    metrics.counter(
      'api_habits_evicted_total',
      'Facts that were forgotten for want of room.',
      [],
      (counter) => {
        counter.reset();
        counter.inc(this.watch.habits.evicted);
      },
    );
  }

  async start(): Promise<void> {
    const { habits, tallies } = await this.parts.store.api.habits(this.parts.cluster);
    const known = new Habits();
    known.load(habits, tallies);
    this.watch = new Watch(this.parts.cluster, known);
  }

  take(rows: readonly unknown[], malformed: number): Promise<void> {
    return this.enqueue(() => this.judged(rows, malformed, null));
  }

  offer(row: unknown): boolean {
    if (this.offered.length >= OFFERED) {
      this.counted.events.inc({ result: 'dropped' });
      return false;
    }
    this.offered.push(row);
    return true;
  }

  follow(paths: readonly string[]): Promise<void> {
    return this.enqueue(async () => {
      for (const path of paths)
        for (let more = true; more; ) {
          const lines = await readLines(path, await this.parts.store.api.place(path));
          if (lines === null) break;
          more = lines.more;
          if (lines.rows.length > 0 || lines.malformed > 0)
            await this.judged(lines.rows, lines.malformed, lines.place);
        }
    });
  }

  tick(): Promise<void> {
    const waiting = this.alerts.size + this.entries.length + this.learnt.length + this.offered.length;
    return waiting === 0 ? Promise.resolve() : this.take([], 0);
  }

  /** One after the other: what is learnt depends on the order. A failure is the caller's and holds up nobody behind it. */
  private enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.queue.then(work);
    this.queue = done.catch(() => {});
    return done;
  }

  private async judged(rows: readonly unknown[], malformed: number, place: FilePlace | null): Promise<void> {
    const all = [...this.offered, ...rows];
    this.offered = [];
    this.counted.events.inc({ result: 'malformed' }, malformed);
    for (let at = 0; at < all.length; at += SLICE) {
      this.note(this.watch.take(all.slice(at, at + SLICE), this.parts.clock.wallMs()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const learnt = this.watch.habits.takeLearnt();
    if (learnt.habits.length + learnt.gone.length > 0) this.learnt.push(learnt);
    await this.keep(place);
  }

  private note({ alerts, entries, counts }: ReturnType<Watch['take']>): void {
    for (const [result, count] of Object.entries(counts)) this.counted.events.inc({ result }, count);
    for (const alert of alerts) this.alerts.set(alert.alert.id, alert);
    const room = PENDING - this.entries.length;
    if (entries.length > room) this.counted.events.inc({ result: 'dropped' }, entries.length - room);
    this.entries.push(...entries.slice(0, Math.max(0, room)));
  }

  private async keep(place: FilePlace | null): Promise<void> {
    const { cluster, pipeline, clock } = this.parts;
    const [alerts, entries, learnt] = [[...this.alerts.values()], this.entries, this.learnt];
    if (alerts.length + entries.length + learnt.length === 0 && place === null) return;
    await pipeline.takeEvidence((store) => this.store(store, { alerts, entries, learnt, place }));
    this.alerts = new Map();
    this.entries = [];
    this.learnt = [];
    for (const { alert } of alerts) {
      this.counted.alerts.inc({ severity: alert.severity });
      this.counted.lag.observe(Math.max(0, clock.wallMs() - alert.lastWallMs));
    }
    if (alerts.length > 0) this.parts.log.debug({ cluster, alerts: alerts.length }, 'api alerts kept');
  }

  private async store(
    store: StoreParts,
    what: {
      alerts: readonly ApiAlert[];
      entries: readonly PodEntry[];
      learnt: readonly Learnt[];
      place: FilePlace | null;
    },
  ): Promise<Evidence[]> {
    const { cluster } = this.parts;
    for (const one of what.learnt) await store.api.learn(cluster, one);
    const fresh = await store.api.addEntries(what.entries);
    for (const alert of what.alerts) await store.api.addAlert(cluster, alert);
    if (what.place !== null) await store.api.setPlace(what.place);
    const found = what.alerts.map((alert) => apiEvidence(cluster, alert));
    // A request comes about a second after the process that it started.
    for (const id of await store.sessions.name(fresh)) {
      const known = await store.sessions.alert(id);
      if (known !== null) found.push(await evidenceOf(store, known, known.alert, this.parts.events));
    }
    return found;
  }
}

/** Nothing is read or listened to before `start`. */
export function createApiActivity(parts: ApiActivityParts): ApiActivity {
  return new RunningActivity(parts);
}
