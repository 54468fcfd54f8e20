/** What the kernel takes: features by trying each, then the real programs for a moment. */
import { existsSync, readFileSync } from 'node:fs';
import { callIds } from '../../agent/features/call-ids.ts';
import type {
  Containments,
  Hook,
  KernelFeatures,
  NativeAddon,
  OwnNumber,
  Probe,
} from '../../native/index.ts';
import { type Check, fail, ok, warn } from './check.ts';

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
};

export function featureChecks(features: KernelFeatures): Check[] {
  const has = (name: string) => features[name as keyof KernelFeatures] === true;
  const present = [...Object.keys(FEATURE_COSTS), 'bpfLsm'].filter(has);
  const missing = Object.entries(FEATURE_COSTS).filter(([name]) => !has(name));
  const lsm = has('bpfLsm')
    ? ''
    : '; no BPF LSM (lsm=...,bpf at boot): programs in a contained container are killed as they start, not refused (execDeny)';
  return [
    ...(present.length > 0 ? [ok('kernel features', `${present.join(' ')}${lsm}`)] : []),
    ...missing.map(([name, cost]) =>
      fail(
        `feature ${name}`,
        features.refusal ?? 'absent',
        cost,
        'use a kernel of 5.15 or later with BPF tracing',
      ),
    ),
  ];
}

/** Whether the kernel's programs can leave out what the agent does itself. */
export const ownNumberCheck = ({ number, refusal }: OwnNumber): Check =>
  refusal === null
    ? ok('own number', String(number))
    : warn(
        'own number',
        refusal,
        "picket's own activity is recorded and counted as another program's, and the canary is not known",
        'give CAP_BPF and CAP_PERFMON, or run it in the pid namespace of the node (hostPID)',
      );

/** Containers of a node with the 110 pods that kubelet allows by default, more than two in each: the maps' memory grows with them. */
const FULL_NODE = 256;

/** Sizes of the agent's maps, as its settings say. */
export interface TrialOptions {
  readonly cgroupRoot: string;
  readonly cgroupHierarchy: number;
  /** A folder of its own on the bpffs; removed afterwards. */
  readonly pinFolder: string;
  readonly urgentBytes: number;
  readonly bulkBytes: number;
  readonly slots: number;
  readonly flows: number;
}

export interface Trial {
  readonly hooks: readonly Hook[];
  /** Kernel memory of the maps, charged to this process's memory cgroup. */
  readonly mapBytes: number;
}

/** Loads and attaches everything for a moment, and takes it off again. @throws NativeError */
export async function tryHooks(addon: NativeAddon, options: TrialOptions): Promise<Trial> {
  let containments: Containments | null = null;
  let probe: Probe | null = null;
  try {
    probe = await addon.openProbe(
      {
        ...options,
        selfPid: addon.ownNumber().number,
        liveSlots: Math.min(options.slots, FULL_NODE),
        bulkMs: 200,
        recordsPerSecond: 100,
        recordBurst: 100,
        callIds: callIds(process.arch === 'arm64' ? 'arm64' : 'x64'),
        seenKey: 0n,
        watchedNames: [],
        queueBatches: 16,
      },
      () => {},
    );
    containments = addon.openContainments(options);
    const mapBytes = Object.values(probe.maps()).reduce((sum, bytes) => sum + bytes, 0);
    return { hooks: [...probe.hooks, ...containments.hooks], mapBytes };
  } finally {
    await probe?.close();
    containments?.remove();
    containments?.close();
  }
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
