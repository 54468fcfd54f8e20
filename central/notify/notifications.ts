/** All notifiers together: makes them from the settings and the file, hands each what its routes want, reads the file again. */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../../kit/clock.ts';
import type { Log } from '../../kit/log.ts';
import type { Metrics } from '../../kit/metrics.ts';
import type { About } from './about.ts';
import { webhook } from './channels/webhook.ts';
import { createDeliverer, type Deliverer, type Result } from './deliverer.ts';
import { type NotifierDocument, type NotifyDocuments, parseNotify } from './documents.ts';
import type { Made, SlackApp } from './kinds.ts';
import type { DeadLetter, Failure, Notification } from './notifier.ts';
import { type Match, type Silence, silencedBy, wants } from './route.ts';

const TOOK_MS = [10, 50, 100, 500, 1000, 5000, 30_000, 120_000, 600_000];
const ALL: Match = { namespaces: [], clusters: [], events: [], minSeverity: 'info' };

/** Takes canaries and tells nobody: the way to it is that of every notifier, up to the network. */
export const CANARY = 'canary';
const RECEIVER: Made = { channel: { deliver: async () => null, close: async () => undefined } };

export interface NotificationParts {
  readonly settings: {
    readonly 'notify-file': string;
    readonly 'webhook-url': string;
    readonly 'webhook-secret-file': string;
    readonly cluster: string;
  };
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Text of a file that only its owner may read, or null when there is none. @throws KeyFileError */
  readonly readPrivate: (path: string) => string | null;
  /** Never rejects. */
  readonly deadLetter: (letter: DeadLetter) => Promise<void>;
  /** A notifier took a canary's message, so long after the kernel told of it. */
  readonly canaryTold?: (told: { notifier: string; cluster: string; actor: string; tookMs: number }) => void;
  /** For tests. */
  readonly delivery?: { readonly tries: number; readonly wait: { baseMs: number; limitMs: number } };
}
export interface NotifierView {
  readonly name: string;
  readonly type: string;
  readonly match: Match;
  readonly waiting: number;
}
export interface Notifications {
  /** Returns at once. */
  notify(about: About): void;
  /** One message now and one try: null when it was delivered, undefined when there is no such notifier. */
  test(name: string, actor: string): Promise<Failure | null | undefined>;
  notifiers(): readonly NotifierView[];
  silences(): readonly Silence[];
  slackApps(): readonly SlackApp[];
  /** Puts the file in force when it changed; what is wrong with it is logged, and what was in force stays. */
  reload(): void;
  close(): Promise<void>;
}

interface Running {
  readonly type: string;
  readonly version: string;
  readonly match: Match;
  readonly made: Made;
  readonly deliverer: Deliverer;
}

class AllNotifications implements Notifications {
  private readonly parts: NotificationParts;
  private readonly running = new Map<string, Running>();
  private readonly ending = new Set<Promise<void>>();
  private quiet: readonly Silence[] = [];
  private seen = '';
  private readonly count: (name: string, result: Result, times: number) => void;
  private readonly took: (name: string, ms: number, notification: Notification) => void;
  private readonly reloads: (result: string) => void;

  constructor(parts: NotificationParts) {
    this.parts = parts;
    const { metrics } = parts;
    const counter = metrics.counter(
      'notifications_total',
      'Notifications by notifier and what came of them; retried counts messages.',
      ['notifier', 'result'],
    );
    const histogram = metrics.histogram(
      'notify_ms',
      'From the making of a notification to its delivery, milliseconds.',
      TOOK_MS,
      ['notifier'],
    );
    const reloads = metrics.counter('notify_reloads_total', 'Readings of a changed notify-file.', ['result']);
    metrics.gauge('notifications_waiting', 'Notifications not yet delivered.', ['notifier'], (gauge) => {
      gauge.reset();
      for (const [notifier, { deliverer }] of this.running) gauge.set({ notifier }, deliverer.waiting());
    });
    this.count = (notifier, result, times) => counter.inc({ notifier, result }, times);
    const canaries = metrics.histogram(
      'canary_notify_ms',
      'From the kernel of a node to a notifier that took its canary, milliseconds, by the clocks of both.',
      TOOK_MS,
      ['notifier'],
    );
    this.took = (notifier, ms, one) => {
      histogram.observe({ notifier }, ms);
      if (one.event !== 'canary') return;
      const { cluster, actor, timeline } = one;
      const tookMs = Math.max(0, parts.clock.wallMs() - (timeline[0]?.atMs ?? one.atMs));
      canaries.observe({ notifier }, tookMs);
      parts.canaryTold?.({ notifier, cluster, actor, tookMs });
    };
    this.reloads = (result) => reloads.inc({ result });
    this.run(
      CANARY,
      { type: CANARY, version: '', match: { ...ALL, events: ['canary'] }, made: RECEIVER },
      {},
    );
    const { 'webhook-url': url } = parts.settings;
    if (url !== '')
      this.run('webhook', { type: 'webhook', version: '', match: ALL, made: this.hook(url) }, {});
    this.apply(this.readFile());
  }

  private secret = (path: string): string => {
    const text = this.parts.readPrivate(path)?.trim() ?? '';
    if (text === '') throw new Error(`${path}: missing or empty`);
    return text;
  };

  private hook(url: string): Made {
    const { settings, clock } = this.parts;
    const file = settings['webhook-secret-file'];
    if (file === '') throw new Error('webhook-secret-file: needed with webhook-url');
    try {
      this.secret(file);
    } catch (error) {
      if (error instanceof Error && 'code' in error) throw error;
      throw new Error(`webhook-secret-file: ${error instanceof Error ? error.message : error}`);
    }
    const secret = (): string => this.secret(file);
    return { channel: webhook({ url, secret, format: 'picket', nowMs: clock.wallMs }) };
  }

  private readFile(): NotifyDocuments {
    const path = this.parts.settings['notify-file'];
    if (path === '') return { notifiers: [], silences: [] };
    this.seen = this.stamp();
    const file = (name: string): string => readFileSync(name, 'utf8');
    return parseNotify(file(path), { nowMs: this.parts.clock.wallMs, secret: this.secret, file });
  }
  private stamp(): string {
    const stat = statSync(this.parts.settings['notify-file'], { throwIfNoEntry: false });
    return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  }

  private run(
    name: string,
    what: Omit<Running, 'deliverer'>,
    limits: { groupMs?: number; perMinute?: number },
  ): void {
    const { clock, deadLetter, delivery } = this.parts;
    const deliverer = createDeliverer({
      name,
      channel: what.made.channel,
      clock,
      deadLetter,
      count: (result, times) => this.count(name, result, times),
      took: (ms, one) => this.took(name, ms, one),
      ...limits,
      ...delivery,
    });
    this.running.set(name, { ...what, deliverer });
  }

  private end(name: string): void {
    const closing = this.running.get(name)?.deliverer.close() ?? Promise.resolve();
    this.running.delete(name);
    const ended = closing.finally(() => this.ending.delete(ended));
    this.ending.add(ended);
  }

  private apply({ notifiers, silences }: NotifyDocuments): void {
    const wanted = new Map(notifiers.map((one) => [one.name, one]));
    for (const [name, { version }] of this.running)
      if (version !== '' && wanted.get(name)?.version !== version) this.end(name);
    const start = ({ name, type, version, match, groupMs, perMinute, make }: NotifierDocument): void =>
      this.run(name, { type, version, match, made: make() }, { groupMs, perMinute });
    for (const one of notifiers) if (!this.running.has(one.name)) start(one);
    this.quiet = silences;
  }

  reload(): void {
    if (this.parts.settings['notify-file'] === '' || this.stamp() === this.seen) return;
    try {
      this.apply(this.readFile());
      this.reloads('ok');
    } catch (error) {
      this.reloads('refused');
      this.parts.log.error({ err: error }, 'notify-file refused; what was in force stays');
    }
  }

  private made(about: About): Notification {
    return { ...about, id: `ntf-${randomBytes(10).toString('hex')}`, atMs: this.parts.clock.wallMs() };
  }

  notify(about: About): void {
    const notification = this.made(about);
    const silence = silencedBy(this.quiet, notification, notification.atMs);
    for (const [name, { match, deliverer }] of this.running) {
      if (!wants(match, notification)) continue;
      if (silence === null) deliverer.notify(notification);
      else this.count(name, 'silenced', 1);
    }
  }

  async test(name: string, actor: string): Promise<Failure | null | undefined> {
    const found = this.running.get(name);
    if (found === undefined) return undefined;
    const { cluster } = this.parts.settings;
    const test = this.made({
      event: 'test',
      cluster,
      incident: '',
      severity: 'info',
      title: `picket can reach ${name}`,
      text: 'Nothing happened: a person asked for this message.',
      orders: [],
      actor,
      namespaces: [],
      places: [],
      techniques: [],
      timeline: [],
    });
    return found.made.channel.deliver([test]);
  }

  notifiers(): readonly NotifierView[] {
    // Nobody is told anything by the receiver of canaries.
    const theirs = [...this.running].filter(([, { type }]) => type !== CANARY);
    return theirs.map(([name, { type, match, deliverer }]) => ({
      name,
      type,
      match,
      waiting: deliverer.waiting(),
    }));
  }
  silences = (): readonly Silence[] => this.quiet;
  slackApps = (): readonly SlackApp[] =>
    [...this.running.values()].flatMap(({ made }) => (made.slackApp === undefined ? [] : [made.slackApp]));

  async close(): Promise<void> {
    for (const name of [...this.running.keys()]) this.end(name);
    await Promise.allSettled(this.ending);
  }
}

/** @throws NotifyError, KeyFileError, or what is wrong with the webhook's settings. */
export function createNotifications(parts: NotificationParts): Notifications {
  return new AllNotifications(parts);
}
