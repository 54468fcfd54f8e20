/**
 * Containment leases: orders in, kernel containments and reports out. A lease follows its target through restarts
 * (pod UID + container name; the container id where there is no pod) and ends by itself: in the kernel at `untilNs`
 * even without the agent, here by a timer that reports it.
 *
 * active ──release──▶ released     active ──time──▶ expired     order ──▶ refused | failed (never active)
 *
 * Two leases on one cgroup are one kernel entry: the flags of both until the later end; while the agent runs, the
 * earlier end takes its flags back. Without the agent they stay until the later end: the one who is contained gains
 * nothing from stopping the agent.
 */
import { rename } from 'node:fs/promises';
import type { Clock } from '../../kit/clock.ts';
import type { ContainmentRequest, Containments } from '../../native/index.ts';
import type { Input, Order, OrderReport, SignedOrder } from '../../wire/index.ts';
import type { Container } from '../identity/container.ts';
import { type Lease, orderMark, readLeases, writeLeases } from './lease.ts';
import type { OrderRefusal, Verifier } from './verify.ts';

export type LeaseContainer = Pick<Container, 'id' | 'kind' | 'cgroup' | 'path' | 'identity'>;

export interface LeasesParts {
  /** leases.json. */
  readonly path: string;
  readonly boot: string;
  readonly clock: Clock;
  readonly containments: Pick<Containments, 'contain' | 'release' | 'list'>;
  /** Null: the agent has no order keys yet, every order is refused. */
  readonly verifier: () => Verifier | null;
  /** Where cgroup2 is mounted. */
  readonly cgroupRoot: string;
  /** The agent's own cgroup path below it: never contained. */
  readonly ownCgroup: string;
  /** False: orders are refused. */
  readonly enabled: boolean;
  readonly live: () => readonly LeaseContainer[];
  readonly report: (report: Input<OrderReport>) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  /** The lease file could not be written, or the kernel refused an entry that has to be there. */
  readonly onError: (error: unknown) => void;
}

export type Refused =
  | OrderRefusal
  | 'no-keys'
  | 'disabled'
  | 'unknown-container'
  | 'host'
  | 'own-cgroup'
  | 'too-many'
  | 'unknown-lease';

/** A kernel entry is far smaller, but each lease is also looked at for every new container. */
const MAX_LEASES = 1024;
/** An order that is sent again is answered again, but no more often than this. */
const REPEAT_REPORT_MS = 30_000;
/** Workload of a container whose pod is not known, or not yet. */
const NAMELESS = /\/-\/Container\//;
const WAITING = 'accepted; no such container runs now, it will be cut off when it starts';

export class Leases {
  /** Orders by outcome since the agent started. */
  readonly counts = new Map<string, number>();
  private readonly parts: LeasesParts;
  private readonly leases = new Map<string, Lease>();
  /** cgroups with a kernel entry that this agent made or renewed. */
  private readonly enforced = new Set<number>();
  private readonly reportedAt = new Map<string, number>();
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();

  constructor(parts: LeasesParts) {
    this.parts = parts;
  }

  /**
   * Takes over the leases of an earlier agent. In another boot their end is counted anew from the wall clock. Call it
   * before the agent is ready, and `appeared` for every container that is found. An unreadable file is put aside.
   */
  async restore(): Promise<void> {
    const { path, boot, clock } = this.parts;
    let found: Lease[] = [];
    try {
      found = await readLeases(path);
    } catch (error) {
      this.parts.onError(error);
      await rename(path, `${path}.unreadable`).catch(this.parts.onError);
    }
    for (const lease of found) {
      const leftMs = Math.max(0, lease.untilMs - clock.wallMs());
      const untilNs =
        lease.boot === boot ? lease.untilNs : String(clock.bootNs() + BigInt(leftMs) * 1_000_000n);
      this.leases.set(lease.order, { ...lease, boot, untilNs });
    }
    await this.expire();
    this.sweep();
  }

  /** After a list of pods was read: containers may have got the name that a lease is for. */
  sweep(): void {
    if (this.active().length === 0) return;
    const live = this.parts.live();
    if (this.takeNames(live)) void this.save();
    for (const container of live) this.appeared(container);
  }

  /** Leases that hold now. */
  active(): Lease[] {
    return [...this.leases.values()].filter(({ state }) => state === 'active');
  }

  /** Acts on an order; resolves when it is kept on disk and its report was given. Never throws for what is in it. */
  async receive(signed: SignedOrder): Promise<void> {
    const verifier = this.parts.verifier();
    if (verifier === null) return this.count('no-keys');
    const verdict = verifier.verify(signed, this.parts.clock.wallMs());
    if (verdict.ok) return this.take(verdict.order);
    if (verdict.order !== null && this.leases.has(verdict.order.id)) return this.repeat(verdict.order.id);
    this.parts.log('order refused', { refusal: verdict.refusal, order: verdict.order?.id ?? null });
    if (verdict.order === null) return this.count(verdict.refusal);
    await this.refuse(verdict.order, verdict.refusal);
  }

  /** A container that is new, or that only now has its name: cut off at once when a lease is meant for it. */
  appeared(container: LeaseContainer): void {
    if (this.enforced.has(container.cgroup)) return;
    if (!this.active().some((lease) => matches(lease, container))) return;
    this.parts.log('containing again', { container: container.id, cgroup: container.cgroup });
    this.enforce(container);
  }

  /** Its cgroup is gone, and with it what was contained there. */
  gone(container: LeaseContainer): void {
    if (this.enforced.delete(container.cgroup)) this.parts.containments.release(container.cgroup);
  }

  /** Stops the timer and waits for the file. Containments stay. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    await this.writing;
  }

  private async take(order: Order): Promise<void> {
    if (this.leases.has(order.id)) return this.repeat(order.id);
    if (this.leases.size >= MAX_LEASES) return this.refuse(order, 'too-many');
    if (order.kind === 'release') return this.release(order);
    const refusal = this.objection(order);
    if (refusal !== null) return this.refuse(order, refusal);
    const lease = this.leaseOf(order, 'active', '');
    this.leases.set(order.id, lease);
    this.takeNames(this.parts.live());
    const there = this.parts.live().filter((container) => matches(lease, container));
    const failure = there.map((container) => this.enforce(container)).find((message) => message !== null);
    if (failure !== undefined) return this.fail(order.id, failure);
    this.parts.log('contained', {
      order: order.id,
      containers: there.map(({ id }) => id),
      until: lease.untilMs,
    });
    await this.conclude(order.id, 'applied', there.length === 0 ? WAITING : '');
  }

  /**
   * A lease can be for a container that central did not yet know by its pod. What the container is called it learns
   * here, or it would not follow it through a restart. True when one learnt.
   */
  private takeNames(live: readonly LeaseContainer[]): boolean {
    let learnt = false;
    for (const lease of this.active()) {
      const named = live.find(
        ({ id, identity }) => id === lease.containerId && !NAMELESS.test(identity.workload),
      );
      if (named === undefined) continue;
      const { podUid, name, workload } = named.identity;
      if (podUid === lease.podUid && name === lease.containerName) continue;
      this.leases.set(lease.order, { ...lease, podUid, containerName: name, workload });
      learnt = true;
    }
    return learnt;
  }

  private objection(order: Order): Refused | null {
    if (!this.parts.enabled) return 'disabled';
    const { target } = order;
    if (target === null) return 'unknown-container';
    if (target.containerId === 'host' || /\/-\/Node\//.test(target.workload)) return 'host';
    const lease = this.leaseOf(order, 'active', '');
    const there = this.parts.live().filter((container) => matches(lease, container));
    if (there.some((container) => container.kind === 'host' || container.path === '')) return 'host';
    const own = `${this.parts.ownCgroup}/`;
    if (there.some((container) => own.startsWith(`${container.path}/`))) return 'own-cgroup';
    // Between two lives of a container its pod is still known by a sibling; then the lease waits for it.
    const podKnown =
      target.podUid !== '' && this.parts.live().some((c) => c.identity.podUid === target.podUid);
    return there.length > 0 || podKnown ? null : 'unknown-container';
  }

  private async release(order: Order): Promise<void> {
    this.leases.set(order.id, this.leaseOf(order, 'released', `releases ${order.releases}`));
    const lease = this.leases.get(order.releases);
    if (lease === undefined) {
      // The order it takes back may still be on its way: it must not take effect after its release.
      const never = { ...order, id: order.releases };
      this.leases.set(never.id, this.leaseOf(never, 'refused', 'released before it came'));
      // An agent that died before it kept the lease, or lost the file of it, has left the kernel's entry.
      this.releaseMarked(order.releases, new Set());
    } else if (lease.state === 'active') {
      await this.end(lease, 'released', `by ${order.actor}: ${order.reason}`);
    }
    await this.conclude(
      order.id,
      'applied',
      lease === undefined ? 'there was no such lease' : `it is ${this.stateOf(order.releases)}`,
    );
  }

  private stateOf(order: string): string {
    return this.leases.get(order)?.state ?? 'unknown';
  }

  private leaseOf(order: Order, state: Lease['state'], detail: string): Lease {
    const { clock, boot } = this.parts;
    const now = clock.wallMs();
    const untilMs = Math.min(now + order.leaseMs, order.notAfterMs);
    const { target } = order;
    return {
      order: order.id,
      podUid: target?.podUid ?? '',
      containerName: target?.containerName ?? '',
      containerId: target?.containerId ?? '',
      workload: target?.workload ?? '',
      networkDeny: order.networkDeny,
      killOnExec: order.killOnExec,
      cutProbes: order.cutProbes,
      reason: order.reason,
      actor: order.actor,
      incident: order.incident,
      receivedMs: now,
      untilMs,
      notAfterMs: order.notAfterMs,
      boot,
      untilNs: String(clock.bootNs() + BigInt(Math.max(0, untilMs - now)) * 1_000_000n),
      state,
      detail,
    };
  }

  /** Brings the kernel's entry of one container in line with the leases on it; the failure's message or null. */
  private enforce(container: LeaseContainer): string | null {
    const leases = this.active().filter((lease) => matches(lease, container));
    try {
      const request = requestOf(container, leases, this.parts.cgroupRoot);
      if (request === null) {
        this.enforced.delete(container.cgroup);
        this.parts.containments.release(container.cgroup);
      } else {
        this.parts.containments.contain(request);
        this.enforced.add(container.cgroup);
      }
      return null;
    } catch (error) {
      this.parts.onError(error);
      return (error as Error).message;
    }
  }

  private async end(lease: Lease, state: 'released' | 'expired', detail: string): Promise<void> {
    this.leases.set(lease.order, { ...lease, state, detail });
    const there = this.parts.live().filter((container) => matches(lease, container));
    for (const container of there) this.enforce(container);
    // Entries under cgroups that are not known now (a container that is just gone) go by their mark.
    this.releaseMarked(lease.order, new Set(there.map(({ cgroup }) => cgroup)));
    this.parts.log(`lease ${state}`, { order: lease.order, detail });
    await this.conclude(lease.order, state, detail);
  }

  /** Takes back the kernel's entries of an order, but for those under `kept` cgroups. */
  private releaseMarked(order: string, kept: ReadonlySet<number>): void {
    const mark = orderMark(order);
    for (const entry of this.parts.containments.list())
      if (entry.order === mark && !kept.has(entry.cgroup)) {
        this.enforced.delete(entry.cgroup);
        this.parts.containments.release(entry.cgroup);
      }
  }

  private async expire(): Promise<void> {
    const now = this.parts.clock.bootNs();
    for (const lease of this.active()) if (BigInt(lease.untilNs) <= now) await this.end(lease, 'expired', '');
    for (const lease of this.leases.values())
      if (lease.state !== 'active' && lease.notAfterMs < this.parts.clock.wallMs()) {
        this.leases.delete(lease.order);
        this.reportedAt.delete(lease.order);
      }
    this.arm();
  }

  /** Wakes at the next end, or in a minute to forget orders whose time is over. */
  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.leases.size === 0) return;
    const now = this.parts.clock.bootNs();
    const waits = this.active().map((lease) => Number((BigInt(lease.untilNs) - now) / 1_000_000n) + 1);
    this.timer = setTimeout(
      () => this.expire().catch(this.parts.onError),
      Math.max(1, Math.min(60_000, ...waits)),
    );
    this.timer.unref();
  }

  private async refuse(order: Order, refusal: Refused): Promise<void> {
    // A table that is full cannot remember this one; it is refused again when it comes again.
    if (this.leases.size < MAX_LEASES) this.leases.set(order.id, this.leaseOf(order, 'refused', refusal));
    this.parts.log('order refused', { refusal, order: order.id });
    this.count(refusal);
    await this.conclude(order.id, 'refused', refusal);
  }

  private async fail(order: string, message: string): Promise<void> {
    const lease = this.leases.get(order);
    if (lease !== undefined) {
      this.leases.set(order, { ...lease, state: 'failed', detail: message });
      for (const container of this.parts.live()) if (matches(lease, container)) this.enforce(container);
    }
    await this.conclude(order, 'failed', message);
  }

  /** On disk first, then told: central never believes more than what outlives the agent. */
  private async conclude(order: string, state: string, detail: string): Promise<void> {
    this.arm();
    await this.save();
    this.count(state);
    const lease = this.leases.get(order);
    this.tell(order, state, detail, state === 'applied' && lease?.state === 'active' ? lease.untilMs : 0);
  }

  private tell(order: string, state: string, detail: string, untilMs: number): void {
    const now = this.parts.clock.wallMs();
    this.reportedAt.set(order, now);
    this.parts.report({ order, state, detail: detail.slice(0, 1024), wallMs: now, untilMs });
  }

  /** The same order once more: central did not get the report. */
  private repeat(id: string): void {
    const lease = this.leases.get(id);
    const told = this.reportedAt.get(id) ?? Number.NEGATIVE_INFINITY;
    this.count('repeated');
    if (lease === undefined || this.parts.clock.wallMs() - told < REPEAT_REPORT_MS) return;
    const state = lease.state === 'active' || lease.detail.startsWith('releases ') ? 'applied' : lease.state;
    this.tell(id, state, lease.detail, lease.state === 'active' ? lease.untilMs : 0);
  }

  private count(outcome: string): void {
    this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1);
  }

  private save(): Promise<void> {
    this.writing = this.writing
      .then(() => writeLeases(this.parts.path, [...this.leases.values()]))
      .catch(this.parts.onError);
    return this.writing;
  }
}

/** Whether a lease is meant for this container. */
export function matches(lease: Lease, container: LeaseContainer): boolean {
  if (lease.containerId !== '' && container.id === lease.containerId) return true;
  const { podUid, name } = container.identity;
  return (
    lease.podUid !== '' &&
    lease.containerName !== '' &&
    podUid === lease.podUid &&
    name === lease.containerName
  );
}

function requestOf(
  container: LeaseContainer,
  leases: readonly Lease[],
  root: string,
): ContainmentRequest | null {
  const last = leases.toSorted((a, b) => (BigInt(a.untilNs) < BigInt(b.untilNs) ? -1 : 1)).at(-1);
  if (last === undefined) return null;
  return {
    cgroup: container.cgroup,
    cgroupPath: `${root}${container.path}`,
    networkDeny: leases.some(({ networkDeny }) => networkDeny),
    killOnExec: leases.some(({ killOnExec }) => killOnExec),
    cutProbes: leases.some(({ cutProbes }) => cutProbes),
    until: BigInt(last.untilNs),
    order: orderMark(last.order),
  };
}
