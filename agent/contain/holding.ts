/**
 * Freezing and killing for leases. What is to be done to which cgroup is on disk before it is done. The kernel programs
 * cannot thaw: a lease that ends while no agent runs is thawed by the next one.
 */
import type { Groups, Held } from './groups.ts';
import type { Lease } from './lease.ts';
import type { LeaseContainer } from './target.ts';

export interface HoldingParts {
  /** Null: cgroups cannot be frozen or killed here. */
  readonly groups: Groups | null;
  readonly onError: (error: unknown) => void;
}

const heldOf = ({ cgroup, path }: LeaseContainer): Held => ({ cgroup, path });
const isSame = (a: Held, b: Held): boolean => a.cgroup === b.cgroup && a.path === b.path;

/** The lease with these containers among what it touches; itself when they are. */
export function touching(lease: Lease, there: readonly LeaseContainer[]): Lease {
  const more = there.map(heldOf).filter((held) => !lease.touched.some((known) => isSame(known, held)));
  return more.length === 0 ? lease : { ...lease, touched: [...lease.touched, ...more] };
}

export class Holding {
  private readonly parts: HoldingParts;
  /** One after the other: a thaw must not overtake the freeze before it. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(parts: HoldingParts) {
    this.parts = parts;
  }

  /** Freezes all that the lease touches, or one of it; the failure's message or null. */
  freeze(lease: Lease, only?: LeaseContainer): Promise<string | null> {
    return this.one(async (groups) => {
      for (const held of only === undefined ? lease.touched : [heldOf(only)]) {
        const found = await groups.freeze(held, true);
        if (found === 'running') throw new Error(`${held.path}: not frozen in time`);
      }
    });
  }

  /** Thaws what was frozen and is not held by another lease; the failure's message or null. */
  thaw(lease: Lease, others: readonly Lease[]): Promise<string | null> {
    const kept = others.filter(({ freeze }) => freeze).flatMap(({ touched }) => touched);
    return this.one(async (groups) => {
      for (const held of lease.touched)
        if (!kept.some((other) => isSame(other, held))) await groups.freeze(held, false);
    });
  }

  /** Ends all that runs in what the lease touches; the failure's message or null. */
  kill(lease: Lease): Promise<string | null> {
    return this.one(async (groups) => {
      for (const held of lease.touched) {
        const left = await groups.kill(held);
        if (left > 0) throw new Error(`${held.path}: ${left} processes did not end in time`);
      }
    });
  }

  private one(work: (groups: Groups) => Promise<void>): Promise<string | null> {
    const { groups, onError } = this.parts;
    const done = this.last.then(async () => {
      if (groups === null) return 'cgroups cannot be frozen or killed here';
      try {
        await work(groups);
        return null;
      } catch (error) {
        onError(error);
        return (error as Error).message;
      }
    });
    this.last = done;
    return done;
  }
}
