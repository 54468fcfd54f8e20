/** What one container did between two ticks. */
import type { DnsEvent, Flow } from '../events/event.ts';
import type { SlotTick } from '../events/frame.ts';
import { joinResources, type Resources } from '../events/resources.ts';
import { CALL_CLASSES } from './call-classes.ts';
import { type DnsCounts, DnsWindow } from './dns-window.ts';
import { type Fact, factKey } from './fact.ts';

/** Facts of one window; a hostile workload makes no more than this cost. */
const MAX_FACTS = 1024;

export interface WindowCounts extends DnsCounts {
  readonly syscalls: number;
  readonly distinctSyscalls: number;
  readonly execs: number;
  readonly forks: number;
  readonly exits: number;
  readonly connects: number;
  readonly accepts: number;
  readonly failures: number;
  readonly oomKills: number;
  /** Payload of TCP and UDP. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Of TCP, both ways, also empty ones. */
  readonly segments: number;
  /** Of UDP, both ways. */
  readonly datagrams: number;
  readonly dnsQuestions: number;
  /** Answers that say there is no such name, or no answer. */
  readonly dnsFailures: number;
}

export interface Window {
  /** CLOCK_BOOTTIME, ns. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly counts: WindowCounts;
  /** System calls by class, in the order of CALL_CLASSES. */
  readonly classes: readonly number[];
  /** Null: nothing was read in this window. */
  readonly resources: Resources | null;
  readonly facts: readonly Fact[];
  /** Records of the container not delivered, for any reason. */
  readonly lost: number;
  /** Why: by reason, `throttled/KIND`, and `anybody/REASON` for what may have been this container's. */
  readonly losses: Readonly<Record<string, number>>;
  /** Everything that was to be seen was seen. */
  readonly complete: boolean;
}

export class WindowBuilder {
  readonly startNs: bigint;
  readonly #facts = new Map<string, Fact>();
  readonly #counts = {
    syscalls: 0,
    distinctSyscalls: 0,
    execs: 0,
    forks: 0,
    exits: 0,
    connects: 0,
    accepts: 0,
    failures: 0,
    oomKills: 0,
    bytesIn: 0,
    bytesOut: 0,
    segments: 0,
    datagrams: 0,
    dnsQuestions: 0,
    dnsFailures: 0,
  };
  readonly #classes: number[] = CALL_CLASSES.map(() => 0);
  readonly #dns = new DnsWindow();
  #resources: Resources | null = null;
  #lost = 0;
  readonly #losses: Record<string, number> = {};
  #complete = true;

  constructor(startNs: bigint) {
    this.startNs = startNs;
  }

  get lost(): number {
    return this.#lost;
  }

  get losses(): Readonly<Record<string, number>> {
    return this.#losses;
  }

  get complete(): boolean {
    return this.#complete;
  }

  get facts(): Iterable<Fact> {
    return this.#facts.values();
  }

  has(fact: Fact): boolean {
    return this.#facts.has(factKey(fact));
  }

  fact(fact: Fact): void {
    if (this.#facts.size < MAX_FACTS) this.#facts.set(factKey(fact), fact);
    else this.#complete = this.#complete && this.#facts.has(factKey(fact));
  }

  slot(tick: SlotTick): void {
    const counts = this.#counts;
    counts.syscalls += tick.counts.reduce((sum, count) => sum + count, 0);
    counts.distinctSyscalls = Math.max(counts.distinctSyscalls, tick.numbers.length);
    counts.execs += tick.execs;
    counts.forks += tick.forks;
    counts.exits += tick.exits;
    if (tick.lost > 0) this.#lose(tick);
  }

  /** Calls by class, in the order of CALL_CLASSES. */
  calls(classes: readonly number[]): void {
    for (const [i, count] of classes.entries()) this.#classes[i] = (this.#classes[i] ?? 0) + count;
  }

  flow(flow: Flow): void {
    const counts = this.#counts;
    counts.bytesIn += flow.bytesIn;
    counts.bytesOut += flow.bytesOut;
    counts[flow.protocol === 'udp' ? 'datagrams' : 'segments'] += flow.segmentsIn + flow.segmentsOut;
    if (flow.protocol === 'udp') {
      counts.dnsQuestions += flow.attempts;
      counts.dnsFailures += flow.failures;
    } else if (flow.direction === 'connect') {
      counts.connects += flow.attempts;
      counts.failures += flow.failures;
    } else {
      counts.accepts += flow.opened;
    }
  }

  dns(event: DnsEvent): void {
    this.#dns.note(event);
  }

  /** The registered domain below which the names asked for say most. */
  get loudestName(): { readonly domain: string; readonly bits: number } | null {
    return this.#dns.loudest();
  }

  /** The kernel ended one of its processes for want of memory. */
  oomKill(): void {
    this.#counts.oomKills += 1;
  }

  resources(resources: Resources): void {
    this.#resources = this.#resources === null ? resources : joinResources(this.#resources, resources);
  }

  /** Nothing was looked at, or not everything. */
  incomplete(): void {
    this.#complete = false;
  }

  /** Records that no slot accounts for, by reason. */
  anybodys(losses: Readonly<Record<string, number>>): void {
    for (const [reason, count] of Object.entries(losses)) {
      this.#losses[`anybody/${reason}`] = count;
      this.#complete = false;
    }
  }

  #lose({ lost, losses }: SlotTick): void {
    let unnamed = lost;
    for (const [reason, count] of Object.entries(losses)) {
      this.#losses[reason] = (this.#losses[reason] ?? 0) + count;
      unnamed -= count;
    }
    if (unnamed > 0) this.#losses['unknown'] = (this.#losses['unknown'] ?? 0) + unnamed;
    this.#lost += lost;
    this.#complete = false;
  }

  close(endNs: bigint): Window {
    return {
      startNs: this.startNs,
      endNs,
      counts: { ...this.#counts, ...this.#dns.counts() },
      classes: [...this.#classes],
      resources: this.#resources,
      facts: [...this.#facts.values()],
      lost: this.#lost,
      losses: { ...this.#losses },
      complete: this.#complete,
    };
  }
}
