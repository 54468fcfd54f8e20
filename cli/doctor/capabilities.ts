/** The agent runs as user 0 with these capabilities and no other. manifests/ and this list are compared by a test. */
import { type Check, fail, ok, warn } from './check.ts';

export interface Capability {
  readonly name: string;
  readonly bit: number;
  /** What fails without it: found by dropping it, see test/native/kernel/capabilities.test.ts. */
  readonly without: string;
  /** Everything works without it, later. */
  readonly optional?: true;
}

export const CAPABILITIES: readonly Capability[] = [
  { name: 'BPF', bit: 39, without: 'loading programs, making maps, reading BTF' },
  { name: 'PERFMON', bit: 38, without: 'everything that is observed, and every containment' },
  { name: 'NET_ADMIN', bit: 12, without: "the cgroup programs: cutting a container's network, counting UDP" },
  {
    name: 'SYS_NICE',
    bit: 23,
    without: "the agent's priority: alerts wait for busy containers",
    optional: true,
  },
];

const SYS_ADMIN = 21;

/** `status` is the text of /proc/self/status. Mounting a bpffs where there is none takes one capability more. */
export function capabilityCheck(status: string, bpffsMounted: boolean): Check {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: number) => (effective & (1n << BigInt(bit))) !== 0n;
  const missing = CAPABILITIES.filter(({ bit }) => !has(bit));
  if (missing.length > 0)
    return (missing.every(({ optional }) => optional) ? warn : fail)(
      'capabilities',
      `missing ${missing.map(({ name }) => `CAP_${name}`).join(' ')}`,
      missing.map(({ name, without }) => `${name}: ${without}`).join('; '),
      'run as root (sudo npm start), or give the container these capabilities',
    );
  const found = CAPABILITIES.map(({ name }) => `CAP_${name}`).join(' ');
  if (bpffsMounted || has(SYS_ADMIN)) return ok('capabilities', found);
  return warn(
    'capabilities',
    `${found}, without CAP_SYS_ADMIN`,
    'no bpffs is mounted and this process may not mount one: nothing can be contained',
    'mount -t bpf bpf /sys/fs/bpf before the agent starts',
  );
}
