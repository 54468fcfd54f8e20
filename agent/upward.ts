/** The way to central: spool, membership and uplink. Without an address of central there is none of them. */
import { join } from 'node:path';
import { hashKey } from '../kit/sketch/hash-key.ts';
import type { Input, Reply, SignedOrder, Standing } from '../wire/index.ts';
import { Privacy } from './alerts/privacy.ts';
import { createVerifier, type Verifier } from './contain/verify.ts';
import type { Context } from './context.ts';
import type { Container } from './identity/container.ts';
import type { Life } from './identity/lives.ts';
import { CA, type Enrolled } from './uplink/files.ts';
import type { Entry } from './uplink/journal.ts';
import { Membership } from './uplink/membership.ts';
import { ownHashKey } from './uplink/own-key.ts';
import { containerMessage } from './uplink/shapes.ts';
import { SketchBook } from './uplink/sketches.ts';
import { type Segment, Spool } from './uplink/spool.ts';
import { sketchesEntry, summaryOf } from './uplink/summarize.ts';
import type { Uplink } from './uplink/uplink.ts';

export interface UpwardParts {
  readonly onOrder: (order: SignedOrder) => Promise<void>;
  readonly onReply: (reply: Reply) => Promise<void>;
  /** What of central's stands here. */
  readonly standing: () => Input<Standing>;
  readonly containers: () => readonly Container[];
  readonly lifeOf: (container: Container) => Life;
  /** What was lost since the agent started, by reason. */
  readonly lost: () => Record<string, number>;
  readonly hooksMissing: () => string[];
}

export class Upward {
  private readonly context: Context;
  private readonly parts: UpwardParts;
  /** Of orders; null until the agent is enrolled. */
  verifier: Verifier | null = null;
  spool: Spool | null = null;
  uplink: Uplink | null = null;
  membership: Membership | null = null;
  sketches: SketchBook | null = null;
  readonly privacy: Privacy;

  constructor(context: Context, parts: UpwardParts) {
    this.context = context;
    this.parts = parts;
    const { settings, folder } = context;
    this.privacy = new Privacy({
      how: settings['private-values'],
      except: settings['private-except'],
      own: () => ownHashKey(folder),
    });
  }

  /** Encoded only where there is a spool: it is a third of a detection's way. */
  append(make: () => Entry): void {
    this.spool?.append(make());
    this.uplink?.press();
  }

  /** What may wait for others: each upload costs as much as ending the windows of ten containers. */
  appendPatiently(make: () => Entry): void {
    this.spool?.append(make());
  }

  /** Central is to hear of what has no entry, such as a new container. */
  press(): void {
    this.uplink?.press();
  }

  /** What was appended is urgent. */
  wake(): void {
    this.uplink?.wake();
  }

  /** Before the first frame: what comes out is kept from then on. */
  open(): void {
    const { settings, folder, boot, clock, lifetime } = this.context;
    if (settings['central-url'] === '') return;
    const spool = new Spool({
      folder: join(folder, 'spool'),
      boot,
      clock,
      maxBytes: settings['spool-bytes'],
      onError: lifetime.onError,
    });
    this.spool = spool;
    lifetime.atEnd(() => spool.close());
    this.openSketches();
  }

  private openSketches(): void {
    const { settings, folder, clock, lifetime } = this.context;
    const book = new SketchBook(ownHashKey(folder), clock.bootNs(), (sketches) =>
      this.appendPatiently(() => sketchesEntry(sketches)),
    );
    this.sketches = book;
    lifetime.repeat(settings['sketch-interval'], () => book.flush(clock.bootNs()));
    lifetime.atEnd(() => book.flush(clock.bootNs()));
  }

  start(): void {
    const { settings, node, log, folder, clock, lifetime } = this.context;
    const { spool } = this;
    if (spool === null) return;
    const membership = new Membership({
      url: settings['central-url'],
      cluster: settings.cluster,
      node,
      folder,
      caFile: settings['ca-file'] || join(folder, CA),
      joinTokenFile: settings['join-token-file'],
      accountTokenFile: settings['enrol-token-file'],
      wallMs: () => clock.wallMs(),
      onEnrolled: (enrolled) => this.join(enrolled, spool),
      log: (message, facts) => log.warn(facts, message),
      onError: lifetime.onError,
    });
    this.membership = membership;
    membership.start();
    lifetime.atEnd(async () => {
      await membership.stop();
      await this.uplink?.stop();
    });
  }

  private async join(enrolled: Enrolled, spool: Spool): Promise<void> {
    const { settings, log, where, lifetime, clock } = this.context;
    this.verifier = createVerifier({ ...where, keys: enrolled.orderKeys });
    const keys = enrolled.hashKeys.map((secret) => hashKey(secret));
    const [newest] = keys;
    if (newest !== undefined) {
      this.sketches?.use(newest, clock.bootNs());
      this.privacy.use(keys);
    }
    if (this.uplink !== null) return this.uplink.renew(enrolled);
    // Loaded once there is a way to central: HTTP/2 is 4 MB.
    const { Uplink } = await import('./uplink/uplink.ts');
    this.uplink = new Uplink({
      url: settings['central-url'],
      credentials: enrolled,
      spool,
      summarize: (segment) => this.summarize(segment, spool),
      onOrder: (order) => this.parts.onOrder(order).catch(lifetime.onError),
      onReply: (reply) => this.parts.onReply(reply).catch(lifetime.onError),
      intervalMs: settings['uplink-interval'],
      log: (message, facts) => log.warn(facts, message),
    });
    this.uplink.start();
  }

  private summarize(segment: Segment, spool: Spool): Buffer {
    const { where, boot, clock, version, startedAt, settings } = this.context;
    const { containers, lifeOf, lost, hooksMissing, standing } = this.parts;
    return summaryOf(segment, {
      ...where,
      boot,
      bootNs: clock.bootNs(),
      wallMs: clock.wallMs(),
      standing: standing(),
      canaryIntervalMs: settings['canary-interval'],
      containers: containers().map((container) => containerMessage(container, lifeOf(container))),
      health: {
        version,
        uptimeMs: Math.round(performance.now() - startedAt),
        lost: lost(),
        spooledBytes: spool.bytes,
        spoolDropped: spool.dropped,
        rssBytes: process.memoryUsage.rss(),
        hooksMissing: hooksMissing(),
      },
    });
  }
}
