/**
 * Containment leases: orders in, kernel containments and reports out. A lease follows its target through restarts
 * (pod UID + container name; the container id where there is no pod) and ends by itself: in the kernel at `untilNs`
 * even without the agent, here by a timer that reports it. What was frozen is thawed here only.
 *
 * active ──release──▶ released     active ──time──▶ expired     order ──▶ refused | failed | done (never active)
 */
import { rename } from 'node:fs/promises';
import type { Clock } from '../../kit/clock.ts';
import type { Input, Order, OrderReport, SignedOrder } from '../../wire/index.ts';
import { Answers } from './answers.ts';
import {
  type EffectParts,
  effectOf,
  type Found,
  lasts,
  lookAtEntries,
  MOST,
  NOT_LOOKED,
  needsEntry,
} from './effect.ts';
import { Entries, type EntriesParts } from './entries.ts';
import { Holding, touching } from './holding.ts';
import { type Lease, leaseOf, readLeases, writeLeases } from './lease.ts';
import { type LeaseContainer, matches, mayMatch, type Objection, objection, withName } from './target.ts';
import type { OrderRefusal, Verifier } from './verify.ts';

export interface LeasesParts extends Omit<EntriesParts, 'containments'>, EffectParts {
  readonly containments: EntriesParts['containments'] & EffectParts['containments'];
  /** leases.json. */
  readonly path: string;
  readonly boot: string;
  readonly clock: Clock;
  /** Null: the agent has no order keys yet, every order is refused. */
  readonly verifier: () => Verifier | null;
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

export type Refused = OrderRefusal | 'no-keys' | 'disabled' | Objection | 'too-many' | 'unknown-lease';

/** A kernel entry is far smaller, but each lease is also looked at for every new container. */
const MAX_LEASES = 1024;
const againInWords = (restarts: number): string =>
  restarts === 0
    ? 'contained as it began'
    : `restarted under containment (${restarts}) and contained again at once: a probe that fails because it is contained restarts it and does not set it free`;
const failedInWords = (failure: string): string => `began anew and is not contained: ${failure}`;
const WAITING = 'accepted; no such container runs now, it will be cut off when it starts';

interface Enforced {
  readonly again: boolean;
  readonly failure: string | null;
}
interface Again {
  readonly toFreeze: readonly Lease[];
  readonly container: LeaseContainer;
  readonly failure: string | null;
}
interface Looked {
  readonly container: LeaseContainer;
  readonly found: readonly Found[];
  readonly failure: string | null;
}

export class Leases {
  private readonly parts: LeasesParts;
  private readonly leases = new Map<string, Lease>();
  private readonly entries: Entries;
  private readonly answers: Answers;
  private readonly holding: Holding;
  /** Orders that are being carried out: the same order once more is not answered before the first. */
  private readonly underWay = new Set<string>();
  /** cgroups that are cut off although it is not known yet whether a lease is meant for them. */
  private readonly uncertain = new Set<number>();
  /** cgroups that are to be contained and cannot be, with the reason: tried again with each list of pods, told once. */
  private readonly failing = new Map<number, string>();
  /** Order → how often what it contains began anew. */
  private readonly restarts = new Map<string, number>();
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();

  constructor(parts: LeasesParts) {
    this.parts = parts;
    this.entries = new Entries(parts);
    this.answers = new Answers(parts.clock, parts.report);
    this.holding = new Holding(parts);
  }

  /** Orders by outcome since the agent started. */
  get counts(): ReadonlyMap<string, number> {
    return this.answers.counts;
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
    await this.goOn();
    this.sweep();
  }

  /** What an earlier agent had begun: only what it had written down is frozen, or killed, again. */
  private async goOn(): Promise<void> {
    for (const lease of this.active()) {
      if (lease.freeze) await this.holding.freeze(lease);
      if (lease.kill && !lease.killed) await this.finish(lease.order, []);
    }
  }

  /** After a list of pods was read: containers may have got the name that a lease is for. */
  sweep(): void {
    this.entries.releaseOver(this.parts.clock.bootNs());
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
    if (verifier === null) return this.answers.count('no-keys');
    const verdict = verifier.verify(signed, this.parts.clock.wallMs());
    if (verdict.ok) return this.take(verdict.order);
    const known = verdict.order === null ? undefined : this.leases.get(verdict.order.id);
    if (known !== undefined) return this.repeat(known);
    this.parts.log('order refused', { refusal: verdict.refusal, order: verdict.order?.id ?? null });
    if (verdict.order === null) return this.answers.count(verdict.refusal);
    await this.refuse(verdict.order, verdict.refusal);
  }

  /**
   * A container that is new, or that only now has its name: cut off at once when a lease is meant for it. One that may be
   * meant loses its network until its name is known. Nothing of it is killed before: it may be another, or the sandbox.
   */
  appeared(container: LeaseContainer): void {
    const { cgroup } = container;
    const active = this.active();
    const meant = active.filter((lease) => matches(lease, container));
    const toFreeze = meant.filter(
      (lease) => lease.freeze && !lease.touched.some((held) => held.cgroup === cgroup),
    );
    for (const { order } of toFreeze) this.change(order, (lease) => touching(lease, [container]));
    const { again, failure } = this.enforceAgain(meant, container);
    const told = meant.filter((lease) => (again && needsEntry(lease)) || toFreeze.includes(lease));
    if (told.length > 0)
      void this.holdAgain(told, { toFreeze, container, failure }).catch(this.parts.onError);
    if (meant.some(needsEntry) || (this.entries.has(cgroup) && !this.uncertain.has(cgroup))) return;
    if (active.some((lease) => mayMatch(lease, container))) {
      if (this.uncertain.has(cgroup)) return;
      this.uncertain.add(cgroup);
      this.parts.log('cutting off until its name is known', { container: container.id, cgroup });
      this.enforce(container);
    } else if (this.uncertain.delete(cgroup)) {
      this.parts.log('it is another container', { container: container.id, cgroup });
      this.enforce(container);
    }
  }

  /**
   * The entry of what began anew under leases that need one. `again`: that is to be told: not where the agent began anew and
   * the entry was there, nor where it fails as it did before; then it is only tried again.
   */
  private enforceAgain(meant: readonly Lease[], container: LeaseContainer): Enforced {
    const { cgroup, id } = container;
    const known = this.entries.has(cgroup) && !this.uncertain.has(cgroup);
    if (known || !meant.some(needsEntry)) return { again: false, failure: null };
    this.uncertain.delete(cgroup);
    const before = this.failing.get(cgroup) ?? null;
    if (before === null) this.parts.log('containing again', { container: id, cgroup });
    const left = before === null && this.entries.left(cgroup);
    const failure = this.enforce(container);
    if (failure === null) this.failing.delete(cgroup);
    else this.failing.set(cgroup, failure);
    return { again: failure === null ? !left : before === null, failure };
  }

  /** Its cgroup is gone, and with it what was contained there. */
  gone(container: LeaseContainer): void {
    this.uncertain.delete(container.cgroup);
    this.failing.delete(container.cgroup);
    this.entries.gone(container.cgroup);
  }

  /** Stops the timer and waits for the file. Containments stay. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    await this.writing;
  }

  private repeat(lease: Lease): void {
    if (!this.underWay.has(lease.order)) this.answers.repeat(lease);
  }

  private async take(order: Order): Promise<void> {
    const known = this.leases.get(order.id);
    if (known !== undefined) return this.repeat(known);
    if (this.leases.size >= MAX_LEASES) return this.refuse(order, 'too-many');
    if (order.kind === 'release') return this.release(order);
    const lease = this.leaseOf(order, 'active', '');
    const { enabled, ownCgroup } = this.parts;
    const refusal = enabled ? objection(order, lease, this.parts.live(), ownCgroup) : 'disabled';
    if (refusal !== null) return this.refuse(order, refusal);
    this.leases.set(order.id, lease);
    this.underWay.add(order.id);
    await this.apply(order.id).finally(() => this.underWay.delete(order.id));
  }

  /** The kernel's programs first, which act at once; then what the cgroup's files do. */
  private async apply(id: string): Promise<void> {
    this.takeNames(this.parts.live());
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    const there = this.parts.live().filter((container) => matches(lease, container));
    const failure = needsEntry(lease)
      ? there.map((container) => this.enforce(container)).find((message) => message !== null)
      : undefined;
    if (failure !== undefined) return this.fail(id, failure);
    this.parts.log('contained', {
      order: id,
      containers: there.map((container) => container.id),
      until: lease.untilMs,
    });
    await this.finish(id, there);
  }

  /** Looks, freezes, kills, looks again; on disk before and after. */
  private async finish(id: string, there: readonly LeaseContainer[]): Promise<void> {
    const before = this.leases.get(id);
    if (before === undefined) return;
    const found = await lookAtEntries(this.parts, before, there);
    if (before.freeze || before.kill) {
      this.change(id, (lease) => touching(lease, there));
      await this.save();
      const failure = await this.hold(id);
      if (failure !== null) return this.fail(id, failure);
    }
    const lease = this.leases.get(id);
    // A release, or its end, came in between.
    if (lease === undefined || lease.state !== 'active') return;
    const effect = await effectOf(this.parts, lease, { there, found });
    const state = lasts(lease) ? 'active' : 'done';
    this.change(id, (now) => (now.state === 'active' ? { ...now, effect, state } : now));
    const waiting = there.length === 0 && lease.touched.length === 0;
    await this.conclude(id, state === 'done' ? 'done' : 'applied', waiting ? WAITING : '');
  }

  private async hold(id: string): Promise<string | null> {
    const lease = this.leases.get(id);
    if (lease === undefined) return null;
    const frozen = lease.freeze ? await this.holding.freeze(lease) : null;
    if (frozen !== null || !lease.kill || lease.killed) return frozen;
    const failure = await this.holding.kill(lease);
    if (failure === null) this.change(id, (now) => ({ ...now, killed: true }));
    return failure;
  }

  private change(id: string, how: (lease: Lease) => Lease): void {
    const lease = this.leases.get(id);
    if (lease !== undefined) this.leases.set(id, how(lease));
  }

  /** Looks at what began anew before any of it is frozen: what is frozen can try nothing. */
  private async holdAgain(told: readonly Lease[], { toFreeze, container, failure }: Again): Promise<void> {
    const looked = new Map<string, readonly Found[]>();
    if (toFreeze.length > 0) await this.save();
    for (const lease of told)
      looked.set(lease.order, failure === null ? await lookAtEntries(this.parts, lease, [container]) : []);
    const problems = new Map<string, string | null>();
    for (const { order } of toFreeze) {
      const lease = this.leases.get(order);
      if (lease?.state === 'active') problems.set(order, await this.holding.freeze(lease, container));
    }
    for (const lease of told) {
      const { order } = lease;
      const problem = (needsEntry(lease) ? failure : null) ?? problems.get(order) ?? null;
      await this.tellAgain(order, { container, found: looked.get(order) ?? [], failure: problem });
    }
  }

  /**
   * What is contained fails its probes, and is restarted for it: whoever sees the restart is told that it set nothing free,
   * with what a look from inside the new container said; or that this one could not be contained.
   */
  private async tellAgain(order: string, { container, found, failure }: Looked): Promise<void> {
    const lease = this.leases.get(order);
    if (lease?.state !== 'active') return;
    // The first of a lease that came before its container is no restart.
    const first = lease.effect.verified === '';
    const restarts = (this.restarts.get(order) ?? 0) + (first ? 0 : 1);
    this.restarts.set(order, restarts);
    const text = failure === null ? againInWords(restarts) : failedInWords(failure);
    const looked: readonly Found[] = failure === null ? found : [...found, ['no', text]];
    const seen = await effectOf(this.parts, lease, { there: [container], found: looked });
    const effect = failure === null ? seen : { ...seen, open: [text, ...seen.open].slice(0, MOST) };
    this.change(order, (now) => (now.state === 'active' ? { ...now, effect } : now));
    await this.save();
    this.answers.again(order, { detail: text, untilMs: lease.untilMs, effect });
  }

  /** True when a lease learnt what its container is called. */
  private takeNames(live: readonly LeaseContainer[]): boolean {
    const learnt = this.active().flatMap((lease) => withName(lease, live) ?? []);
    for (const lease of learnt) this.leases.set(lease.order, lease);
    return learnt.length > 0;
  }

  private async release(order: Order): Promise<void> {
    this.leases.set(order.id, this.leaseOf(order, 'released', `releases ${order.releases}`));
    const lease = this.leases.get(order.releases);
    if (lease === undefined) {
      // The order it takes back may still be on its way: it must not take effect after its release.
      const never = { ...order, id: order.releases };
      this.leases.set(never.id, this.leaseOf(never, 'refused', 'released before it came'));
      // An agent that died before it kept the lease, or lost the file of it, has left the kernel's entry.
      this.entries.releaseMarked(order.releases, new Set());
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
    return leaseOf(order, this.parts, { state, detail });
  }

  /** Brings the kernel's entry of one container in line with the leases on it; the failure's message or null. */
  private enforce(container: LeaseContainer): string | null {
    const leases = this.active().flatMap((lease) => {
      if (matches(lease, container)) return lease;
      return mayMatch(lease, container) ? { ...lease, killOnExec: false, execDeny: false } : [];
    });
    const failure = this.entries.enforce(container, leases);
    if (leases.length === 0) this.uncertain.delete(container.cgroup);
    return failure;
  }

  private async end(lease: Lease, state: 'released' | 'expired', detail: string): Promise<void> {
    this.leases.set(lease.order, { ...lease, state, detail });
    const there = this.parts.live().filter((one) => matches(lease, one) || mayMatch(lease, one));
    for (const container of there) this.enforce(container);
    const thawed = lease.freeze ? await this.holding.thaw(lease, this.active()) : null;
    if (thawed !== null) this.change(lease.order, (now) => ({ ...now, detail: `not thawed: ${thawed}` }));
    // Entries under cgroups that are not known now (a container that is just gone) go by their mark.
    this.entries.releaseMarked(lease.order, new Set(there.map(({ cgroup }) => cgroup)));
    this.parts.log(`lease ${state}`, { order: lease.order, detail });
    await this.conclude(lease.order, state, thawed === null ? detail : `not thawed: ${thawed}`);
  }

  private async expire(): Promise<void> {
    const now = this.parts.clock.bootNs();
    for (const lease of this.active()) if (BigInt(lease.untilNs) <= now) await this.end(lease, 'expired', '');
    for (const lease of this.leases.values())
      if (lease.state !== 'active' && lease.notAfterMs < this.parts.clock.wallMs()) {
        this.leases.delete(lease.order);
        this.answers.forget(lease.order);
        this.restarts.delete(lease.order);
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
    this.answers.count(refusal);
    await this.conclude(order.id, 'refused', refusal);
  }

  private async fail(order: string, message: string): Promise<void> {
    const lease = this.leases.get(order);
    if (lease !== undefined) {
      this.leases.set(order, { ...lease, state: 'failed', detail: message });
      for (const container of this.parts.live()) if (matches(lease, container)) this.enforce(container);
      if (lease.freeze) await this.holding.thaw(lease, this.active());
    }
    await this.conclude(order, 'failed', message);
  }

  /** On disk first, then told: central never believes more than what outlives the agent. */
  private async conclude(order: string, state: string, detail: string): Promise<void> {
    this.arm();
    await this.save();
    this.answers.count(state);
    const lease = this.leases.get(order);
    const untilMs = state === 'applied' && lease?.state === 'active' ? lease.untilMs : 0;
    const effect = lease?.effect ?? NOT_LOOKED;
    this.answers.tell(order, state, {
      detail,
      untilMs,
      effect: state === 'applied' || state === 'done' ? effect : NOT_LOOKED,
    });
  }

  private save(): Promise<void> {
    this.writing = this.writing
      .then(() => writeLeases(this.parts.path, [...this.leases.values()]))
      .catch(this.parts.onError);
    return this.writing;
  }
}
