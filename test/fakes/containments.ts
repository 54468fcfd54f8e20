/** The pinned containment of the kernel as a map, with the same face and rules. */
import type { Containment, ContainmentRequest, Containments } from '../../native/index.ts';

export interface FakeContainments extends Containments {
  readonly entries: Map<number, ContainmentRequest>;
  /** Every call, in order: `contain 42`, `release 42`. */
  readonly calls: string[];
  /** The next contain() fails with this message. */
  failure: string | null;
  execDenyRefusal: string | null;
  /** The refusal is a doubt only: the entry is there. */
  execDenyInDoubt: boolean;
  addresses: readonly string[];
}

export function fakeContainments(): FakeContainments {
  const entries = new Map<number, ContainmentRequest>();
  const calls: string[] = [];
  const asListed = (request: ContainmentRequest): Containment => {
    const { cgroupPath: _, allow, ...rest } = request;
    const execDeny = rest.execDeny === true && (made.execDenyRefusal === null || made.execDenyInDoubt);
    return {
      ...rest,
      execDeny,
      allows: allow.length > 0,
      since: 0n,
      packets: 0n,
      connects: 0n,
      sends: 0n,
      execs: 0n,
    };
  };
  const made: FakeContainments = {
    hooks: [],
    adopted: false,
    execDenyRefusal: null,
    execDenyInDoubt: false,
    entries,
    calls,
    failure: null,
    addresses: [],
    contain(request) {
      if (this.failure !== null) throw Object.assign(new Error(this.failure), { code: 'PICKET_CGROUP' });
      calls.push(`contain ${request.cgroup}`);
      entries.set(request.cgroup, request);
    },
    release(cgroup) {
      calls.push(`release ${cgroup}`);
      return entries.delete(cgroup);
    },
    list: () => [...entries.values()].map(asListed),
    setNodeAddresses(addresses) {
      this.addresses = addresses;
    },
    close: () => undefined,
    remove: () => entries.clear(),
  };
  return made;
}
