/** From rows of a log to alerts and actions: the only way requests take, live and in evaluation. No clock, no I/O. */
import { actorOf } from './actor.ts';
import { Bursts } from './bursts.ts';
import { decodeAudit } from './decode.ts';
import { type AuditEvent, outcomeOf } from './event.ts';
import { judge } from './finding.ts';
import { type ApiAlert, Groups } from './groups.ts';
import { Habits } from './habits.ts';
import { tame } from './plain.ts';
import { type EntryKind, entryKindOf, Requests } from './requests.ts';

/** Somebody entered a pod, or asked to: what processes of the node are joined with. */
export interface PodEntry {
  readonly id: string;
  readonly cluster: string;
  readonly atMs: number;
  readonly kind: EntryKind;
  readonly user: string;
  readonly groups: readonly string[];
  readonly sources: readonly string[];
  readonly userAgent: string;
  readonly namespace: string;
  readonly pod: string;
  /** Empty: the pod's usual one. */
  readonly container: string;
  readonly command: readonly string[];
  readonly outcome: 'done' | 'refused' | 'failed';
  readonly from: AuditEvent['provider'];
}

export const OUTCOMES = ['judged', 'early', 'stage', 'again', 'foreign', 'malformed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Watched {
  readonly alerts: readonly ApiAlert[];
  readonly entries: readonly PodEntry[];
  readonly counts: Readonly<Record<Outcome, number>>;
}

/** A request's clock is the API server's; what it says of another day is not believed, ms. */
const SKEW_MS = 86_400_000;
const WORDS = 64;

function entryOf(event: AuditEvent, kind: EntryKind, of: { cluster: string; atMs: number }): PodEntry {
  const { impersonated, user, groups, sources, userAgent, namespace, name, container, command } = event;
  return {
    id: tame(event.id === '' ? `${of.atMs}-${namespace}-${name}` : event.id, 128),
    ...of,
    kind,
    user: tame(impersonated === null ? user : `${user} as ${impersonated}`, 512),
    groups: groups.slice(0, 32).map((group) => tame(group, 253)),
    sources: sources.slice(0, 8).map((source) => tame(source, 64)),
    userAgent: tame(userAgent, 256),
    namespace: tame(namespace, 253),
    pod: tame(name, 253),
    container: tame(container, 253),
    command: command.slice(0, WORDS).map((word) => tame(word, 1024)),
    outcome: outcomeOf(event),
    from: event.provider,
  };
}

export class Watch {
  readonly habits: Habits;
  readonly groups: Groups;
  readonly #cluster: string;
  readonly #requests = new Requests();
  readonly #bursts = new Bursts();

  constructor(cluster: string, habits: Habits = new Habits()) {
    this.#cluster = cluster;
    this.habits = habits;
    this.groups = new Groups(cluster);
  }

  /** Learns and judges rows in their order. `nowMs` is the time of those that have none that is to be believed. */
  take(rows: readonly unknown[], nowMs: number): Watched {
    const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
    const entries: PodEntry[] = [];
    for (const row of rows) {
      const event = decodeAudit(row);
      if (event === null) {
        counts[typeof row === 'object' && row !== null ? 'foreign' : 'malformed'] += 1;
        continue;
      }
      counts[this.event(event, nowMs, entries)] += 1;
    }
    return { alerts: this.groups.take(), entries, counts };
  }

  /** One request; entries into pods are added to the list. */
  event(event: AuditEvent, nowMs: number, entries: PodEntry[]): Outcome {
    const said = Date.parse(event.time);
    const atMs = Math.abs(said - nowMs) <= SKEW_MS ? said : nowMs;
    const seen = this.#requests.note(event, atMs);
    if (seen !== 'first') return seen;
    const kind = entryKindOf(event);
    if (kind !== null) entries.push(entryOf(event, kind, { cluster: this.#cluster, atMs }));
    const actor = actorOf(event);
    this.groups.touch(event, actor.who);
    for (const finding of judge(event, { actor, ms: atMs, habits: this.habits, bursts: this.#bursts }))
      this.groups.add(finding);
    return 'judged';
  }
}
