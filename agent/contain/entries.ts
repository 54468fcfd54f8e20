/**
 * The kernel's entries. Two leases on one cgroup are one entry: the flags of both until the later end; while the agent
 * runs, the earlier end takes its flags back. Without the agent they stay until the later end: the one who is contained
 * gains nothing from stopping the agent.
 */
import type { ContainmentRequest, Containments } from '../../native/index.ts';
import { allowedPeers } from '../../wire/index.ts';
import { needsEntry } from './effect.ts';
import { type Lease, orderMark } from './lease.ts';
import type { LeaseContainer } from './target.ts';

export interface EntriesParts {
  readonly containments: Pick<Containments, 'contain' | 'release' | 'list'>;
  /** Where cgroup2 is mounted. */
  readonly cgroupRoot: string;
  /** Where the rule `dns` of an allow-list goes. */
  readonly dnsServers: () => readonly string[];
  /** The kernel refused an entry that has to be there. */
  readonly onError: (error: unknown) => void;
}

export class Entries {
  private readonly parts: EntriesParts;
  /** cgroups with an entry that this agent made or renewed. */
  private readonly made = new Set<number>();

  constructor(parts: EntriesParts) {
    this.parts = parts;
  }

  has(cgroup: number): boolean {
    return this.made.has(cgroup);
  }

  /** Whether an earlier agent left it an entry. */
  left(cgroup: number): boolean {
    return !this.made.has(cgroup) && this.parts.containments.list().some((entry) => entry.cgroup === cgroup);
  }

  /** Brings the entry of one container in line with the leases on it; the failure's message or null. */
  enforce(container: LeaseContainer, leases: readonly Lease[]): string | null {
    try {
      const request = requestOf(container, leases, this.parts);
      if (request === null) {
        this.made.delete(container.cgroup);
        this.parts.containments.release(container.cgroup);
      } else {
        this.parts.containments.contain(request);
        this.made.add(container.cgroup);
      }
      return null;
    } catch (error) {
      this.parts.onError(error);
      return (error as Error).message;
    }
  }

  /** The cgroup is gone, and with it what was contained there. */
  gone(cgroup: number): void {
    if (this.made.delete(cgroup)) this.parts.containments.release(cgroup);
  }

  /**
   * Takes off what is over: it stops nothing any more. An agent that died before it had kept the lease, and was away until the
   * order was too old to come again, left an entry that no lease knows.
   */
  releaseOver(nowNs: bigint): void {
    for (const { cgroup, until } of this.parts.containments.list())
      if (until <= nowNs) {
        this.made.delete(cgroup);
        this.parts.containments.release(cgroup);
      }
  }

  /** Takes back the entries of an order, but for those under `kept` cgroups. */
  releaseMarked(order: string, kept: ReadonlySet<number>): void {
    const mark = orderMark(order);
    for (const entry of this.parts.containments.list())
      if (entry.order === mark && !kept.has(entry.cgroup)) {
        this.made.delete(entry.cgroup);
        this.parts.containments.release(entry.cgroup);
      }
  }
}

/** Only what every lease that denies the network lets through. */
function letThrough(leases: readonly Lease[]): readonly string[] {
  const [first, ...others] = leases.filter(({ networkDeny }) => networkDeny);
  return first?.allow.filter((rule) => others.every(({ allow }) => allow.includes(rule))) ?? [];
}

function requestOf(
  container: LeaseContainer,
  held: readonly Lease[],
  { cgroupRoot, dnsServers }: Pick<EntriesParts, 'cgroupRoot' | 'dnsServers'>,
): ContainmentRequest | null {
  const leases = held.filter(needsEntry);
  const last = leases.toSorted((a, b) => (BigInt(a.untilNs) < BigInt(b.untilNs) ? -1 : 1)).at(-1);
  if (last === undefined) return null;
  return {
    cgroup: container.cgroup,
    cgroupPath: `${cgroupRoot}${container.path}`,
    networkDeny: leases.some(({ networkDeny }) => networkDeny),
    killOnExec: leases.some(({ killOnExec }) => killOnExec),
    execDeny: leases.some(({ execDeny }) => execDeny),
    cutProbes: leases.some(({ cutProbes }) => cutProbes),
    allow: allowedPeers(letThrough(leases), dnsServers()),
    until: BigInt(last.untilNs),
    order: orderMark(last.order),
  };
}
