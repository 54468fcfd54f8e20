/** What this kernel and this process's rights allow. */
import { existsSync, readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { dirname } from 'node:path';
import { callIds } from '../../agent/features/call-ids.ts';
import type { Containments, Hook, KernelFeatures, NativeAddon, Probe } from '../../native/index.ts';
import { type Check, fail, ok, warn } from './check.ts';

const CAPABILITIES: Readonly<Record<string, number>> = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
};

/** `status` is the text of /proc/self/status. */
export function capabilityCheck(status: string): Check {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const missing = Object.entries(CAPABILITIES)
    .filter(([, bit]) => (effective & (1n << BigInt(bit))) === 0n)
    .map(([name]) => name);
  if (missing.length === 0) return ok('capabilities', Object.keys(CAPABILITIES).join(' '));
  return fail(
    'capabilities',
    `missing ${missing.join(' ')}`,
    'no probe can be loaded',
    'run as root: sudo npm start',
  );
}

/** `mounts` is the text of /proc/self/mounts. */
export function cgroupCheck(mounts: string, cgroupRoot: string): Check {
  const types = mounts.split('\n').map((line) => line.split(' ')[2]);
  if (!types.includes('cgroup2'))
    return fail(
      'cgroups',
      'no cgroup2 is mounted',
      'containers cannot be told apart',
      'mount -t cgroup2 none /sys/fs/cgroup',
    );
  const where = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .find((line) => line[2] === 'cgroup2')?.[1];
  const root = cgroupRoot || where || '';
  if (!types.includes('cgroup')) return ok('cgroups', `cgroup2 at ${root}`);
  return warn(
    'cgroups',
    `hybrid: cgroup2 at ${root}, v1 controllers beside it`,
    'containers that a runtime puts only into v1 count as the host; nothing of them can be contained',
    'boot with systemd.unified_cgroup_hierarchy=1 where the runtime allows it',
  );
}

export function bpffsCheck(mounts: string, pinFolder: string): Check {
  const mounted = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter((line) => line[2] === 'bpf');
  const here = mounted.find((line) => pinFolder.startsWith(`${line[1]}/`));
  if (here) return ok('bpffs', `${here[1]}, pins in ${pinFolder}`);
  return warn(
    'bpffs',
    `none at ${dirname(pinFolder)}`,
    'the agent mounts it at its start; where it may not, containment cannot outlive it',
    `mount -t bpf bpf ${dirname(pinFolder)}`,
  );
}

export function btfCheck(): Check {
  return existsSync('/sys/kernel/btf/vmlinux')
    ? ok('BTF', '/sys/kernel/btf/vmlinux')
    : fail(
        'BTF',
        'no /sys/kernel/btf/vmlinux',
        'no probe can be loaded',
        'use a kernel built with CONFIG_DEBUG_INFO_BTF',
      );
}

const FEATURE_COSTS: Readonly<Record<string, string>> = {
  ringBuffer: 'no record reaches the agent',
  taskStorage: 'calls cannot be counted per container',
  tracingBtf: 'no probe can be attached',
  cgroupSkb: 'no container can be cut off from the network',
  bpfLsm: 'an exec is stopped by ending its process, not by an error',
};

export function featureChecks(features: KernelFeatures): Check[] {
  const missing = Object.entries(FEATURE_COSTS).filter(([name]) => !features[name as keyof KernelFeatures]);
  const present = Object.keys(FEATURE_COSTS).filter((name) => features[name as keyof KernelFeatures]);
  return [
    ...(present.length > 0 ? [ok('kernel features', present.join(' '))] : []),
    ...missing.map(([name, cost]) =>
      name === 'bpfLsm'
        ? warn(
            `feature ${name}`,
            'absent',
            cost,
            'nothing needs to be done; lsm=...,bpf on the kernel command line adds it',
          )
        : fail(
            `feature ${name}`,
            features.refusal ?? 'absent',
            cost,
            'use a kernel of 5.11 or later with BPF tracing',
          ),
    ),
  ];
}

/** What goes unseen without a hook, by the part of its name after the slash. */
const HOOK_COSTS: Readonly<Record<string, string>> = {
  sched_process_exec: 'programs that start are not seen',
  sched_process_fork: 'forks are not counted; a new process gets its container late',
  sched_process_exit: 'ends of processes are not seen',
  sys_exit: 'system calls are not counted',
  inet_sock_set_state: 'TCP connections are not seen',
  cgroup_mkdir: 'new containers are found late, by a scan',
  cgroup_attach_task: 'a process that is moved between cgroups keeps counting for the old one',
  task_rename: 'the name of a process before its exec is not known',
  ingress: 'a contained container still receives packets',
  egress: 'a contained container still sends packets',
  connect4: 'a contained container waits for a timeout instead of an error',
  connect6: 'a contained container waits for a timeout instead of an error',
  sendmsg4: 'a contained container gets no error for what it sends',
  sendmsg6: 'a contained container gets no error for what it sends',
  cgroup_rmdir: 'slots of removed containers are freed late, by a scan',
};

export function hookChecks(hooks: readonly Hook[]): Check[] {
  const attached = hooks.filter((hook) => hook.state === 'attached');
  return [
    ok('hooks', `${attached.length} of ${hooks.length} attached`),
    ...hooks
      .filter((hook) => hook.state !== 'attached')
      .map((hook) => {
        const cost = HOOK_COSTS[hook.name.split('/').at(-1) ?? ''] ?? 'what it watches is not seen';
        const found = `${hook.state}${hook.reason ? `: ${hook.reason}` : ''}`;
        const todo = 'a kernel that offers it';
        return hook.required
          ? fail(`hook ${hook.name}`, found, cost, todo)
          : warn(`hook ${hook.name}`, found, cost, todo);
      }),
  ];
}

interface TrialOptions {
  readonly cgroupRoot: string;
  /** A folder of its own on the bpffs; removed afterwards. */
  readonly pinFolder: string;
}

/** Loads and attaches everything for a moment, and takes it off again. @throws NativeError */
export async function tryHooks(addon: NativeAddon, options: TrialOptions): Promise<readonly Hook[]> {
  let containments: Containments | null = null;
  let probe: Probe | null = null;
  try {
    probe = await addon.openProbe(
      {
        ...options,
        selfPid: process.pid,
        urgentBytes: 64 * 1024,
        bulkBytes: 64 * 1024,
        bulkMs: 200,
        recordsPerSecond: 100,
        recordBurst: 100,
        slots: 8,
        liveSlots: 0,
        flows: 256,
        callIds: callIds(process.arch === 'arm64' ? 'arm64' : 'x64'),
        watchedNames: [],
        queueBatches: 16,
      },
      () => {},
    );
    containments = addon.openContainments(options);
    return [...probe.hooks, ...containments.hooks];
  } finally {
    await probe?.close();
    containments?.remove();
    containments?.close();
  }
}

export function machineCheck(): Check {
  return ok('machine', `Linux ${release()} ${arch()}, Node ${process.version}`);
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
