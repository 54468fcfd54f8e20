/** What this machine allows, what is missing, what each missing thing costs, and what to do. */
import { arch, hostname, release } from 'node:os';
import { dirname } from 'node:path';
import { type CgroupTree, findCgroups } from '../../agent/source/cgroups.ts';
import { kubeConfig } from '../../kit/kube/settings.ts';
import type { NativeAddon } from '../../native/index.ts';
import { EXIT } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { capabilityCheck } from '../doctor/capabilities.ts';
import { bpffsCheck, bpffsMounted, cgroupCheck, pins, pinsCheck } from '../doctor/cgroups.ts';
import { type Check, fail, ok } from '../doctor/check.ts';
import { hookChecks } from '../doctor/hooks.ts';
import {
  btfCheck,
  featureChecks,
  ownNumberCheck,
  readText,
  type Trial,
  type TrialOptions,
  tryHooks,
} from '../doctor/kernel.ts';
import { podsCheck } from '../doctor/kubernetes.ts';
import * as limits from '../doctor/limits.ts';
import { neighbourChecks } from '../doctor/neighbours.ts';
import * as state from '../doctor/state.ts';
import type { AllSettings } from '../settings.ts';
import { safe, table } from '../text.ts';

/** The one in use and the three kept. */
const ALERT_LOG_FILES = 4;

interface KernelFindings {
  readonly checks: readonly Check[];
  /** Null when the programs could not be loaded. */
  readonly trial: Trial | null;
}

/** The kernel's side: only what can be loaded here and now says for certain what works. */
async function kernelChecks(values: AllSettings): Promise<KernelFindings> {
  const { loadAddon } = await import('../../native/index.ts');
  let addon: NativeAddon;
  try {
    addon = loadAddon();
  } catch (error) {
    const check = fail('addon', (error as Error).message, 'nothing can be watched', 'npm run build');
    return { checks: [check], trial: null };
  }
  const features = addon.features();
  const checks = [ok('addon', 'loaded'), ...featureChecks(features), pinsOf(addon, values)];
  if (features.refusal !== null) return { checks, trial: null };
  checks.push(ownNumberCheck(addon.ownNumber()));
  const tree = treeOf(values);
  const [cgroupRoot, cgroupHierarchy] = tree instanceof Error ? ['', 0] : [tree.root, tree.hierarchy];
  // Before the trial, whose programs would be among them.
  checks.push(...neighbourChecks(addon.bpfUsers(cgroupRoot)));
  try {
    const trial = await tryHooks(addon, { ...trialOptions(values), cgroupRoot, cgroupHierarchy });
    return { checks: [...checks, ...hookChecks(trial.hooks)], trial };
  } catch (error) {
    const { message } = error as Error;
    const check = fail('probe', message, 'nothing can be watched', 'see the checks that are not OK');
    return { checks: [...checks, check], trial: null };
  }
}

/** What the agent would know containers by. */
function treeOf(values: AllSettings): CgroupTree | Error {
  try {
    return findCgroups(values['cgroup-version'], values['cgroup-root']);
  } catch (error) {
    return error as Error;
  }
}

function pinsOf(addon: NativeAddon, values: AllSettings): Check {
  const folder = values['pin-folder'];
  return pinsCheck(folder, pins(folder), addon.layout()['PICKET_CONTAIN_LAYOUT'] ?? 0);
}

function trialOptions(values: AllSettings): Omit<TrialOptions, 'cgroupRoot' | 'cgroupHierarchy'> {
  return {
    pinFolder: `${dirname(values['pin-folder'])}/picket-doctor`,
    urgentBytes: values['urgent-bytes'],
    bulkBytes: values['bulk-bytes'],
    slots: values.slots,
    flows: values.flows,
  };
}

/** What the kernel's files say of this machine and this process. */
function machineChecks(works: boolean): Check[] {
  const memlock = limits.memlockCheck(readText('/proc/self/limits'), release());
  const security = {
    lsm: readText('/sys/kernel/security/lsm'),
    label: readText('/proc/self/attr/current'),
    selinux: readText('/sys/fs/selinux/enforce'),
    status: readText('/proc/self/status'),
  };
  const source = readText('/sys/devices/system/clocksource/clocksource0/current_clocksource');
  return [
    limits.lockdownCheck(readText('/sys/kernel/security/lockdown')),
    limits.securityCheck(security, works),
    ...limits.sysctlChecks(
      readText('/proc/sys/kernel/unprivileged_bpf_disabled'),
      readText('/proc/sys/net/core/bpf_jit_enable'),
    ),
    ...(memlock === null ? [] : [memlock]),
    limits.clockCheck(Date.now(), source),
  ];
}

function resourceChecks(values: AllSettings, mapBytes: number): Check[] {
  const available = Number(/^MemAvailable:\s*(\d+)/m.exec(readText('/proc/meminfo'))?.[1] ?? 0) / 1024;
  const files = state.limitFiles(readText('/proc/self/cgroup'));
  const folder = values['state-folder'];
  return [
    state.memoryCheck(state.memoryLimits(files.map(readText)), available, mapBytes / 1024 ** 2),
    state.diskCheck(folder, values['spool-bytes'] + ALERT_LOG_FILES * values['alert-log-bytes']),
    state.stateFolderCheck(folder),
    ...state.certificateChecks(folder, Date.now()),
    state.spoolCheck(folder, values['spool-bytes']),
  ];
}

async function collect(values: AllSettings): Promise<Check[]> {
  const mounts = readText('/proc/self/mounts');
  const pinFolder = values['pin-folder'];
  const rights = capabilityCheck(readText('/proc/self/status'), bpffsMounted(mounts, pinFolder) !== null);
  const { checks, trial } = await kernelChecks(values);
  return [
    limits.kernelCheck(release(), process.version, arch()),
    rights,
    btfCheck(),
    cgroupCheck(mounts, treeOf(values)),
    bpffsCheck(mounts, pinFolder),
    ...checks,
    ...machineChecks(trial !== null),
    await podsCheck({ pods: values.pods, kubernetes: kubeConfig(values), node: values.node || hostname() }),
    ...resourceChecks(values, trial?.mapBytes ?? 0),
    state.tensorflowCheck(),
  ];
}

function show(checks: readonly Check[]): string {
  const rows = checks.map((check) => [check.state, check.name, check.found]);
  const advice = checks
    .filter((check) => check.state !== 'OK')
    .map(
      (check) =>
        `${check.state} ${safe(check.name)}\n  costs: ${safe(check.cost)}\n  do:    ${safe(check.todo)}\n`,
    );
  return `${table(['STATE', 'CHECK', 'FOUND'], rows)}${advice.length > 0 ? '\n' : ''}${advice.join('')}`;
}

async function run(call: Call): Promise<number> {
  const checks = await collect(call.values);
  const failed = checks.filter((check) => check.state === 'FAIL').length;
  call.io.out(call.json ? `${toJson({ checks, failed })}\n` : show(checks));
  return failed > 0 ? EXIT.found : EXIT.ok;
}

export const doctor: Command = {
  name: 'doctor',
  takes: [],
  sentence:
    'Checks kernel, hooks and what they cover, rights, cgroups, memory, disk, certificates; loads the probe for a moment. Exit code 4 when a check fails, 0 with warnings only.',
  flags: {},
  settings: 'all',
  examples: ['sudo picket doctor', 'picket doctor --json'],
  run,
};
