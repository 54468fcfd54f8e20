/** What this machine allows, what is missing, and what each missing thing costs. */
import { dirname } from 'node:path';
import { EXIT } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { type Check, fail } from '../doctor/check.ts';
import * as kernel from '../doctor/kernel.ts';
import * as state from '../doctor/state.ts';
import type { AllSettings } from '../settings.ts';
import { safe, table } from '../text.ts';

function memory(): Check {
  const status = kernel.readText('/proc/meminfo');
  const available = Number(/^MemAvailable:\s*(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
  const groups = kernel
    .readText('/proc/self/cgroup')
    .split('\n')
    .map((line) => line.split(':'));
  const v1 = groups.find(([, controllers]) => controllers?.split(',').includes('memory'))?.[2] ?? '';
  const v2 = groups.find(([id]) => id === '0')?.[2] ?? '';
  const texts = [`/sys/fs/cgroup${v2}/memory.max`, `/sys/fs/cgroup/memory${v1}/memory.limit_in_bytes`];
  return state.memoryCheck(state.memoryLimits(texts.map(kernel.readText)), available);
}

/** The kernel's side: only what can be loaded here and now says for certain what works. */
async function kernelChecks(values: AllSettings): Promise<Check[]> {
  const { loadAddon } = await import('../../native/index.ts');
  let addon: ReturnType<typeof loadAddon>;
  try {
    addon = loadAddon();
  } catch (error) {
    return [fail('addon', (error as Error).message, 'nothing can be watched', 'npm run build')];
  }
  const features = addon.features();
  const checks = [
    { name: 'addon', state: 'OK', found: 'loaded' } as const,
    ...kernel.featureChecks(features),
  ];
  if (features.refusal !== null) return checks;
  const { cgroup2Root } = await import('../demo/cgroups.ts');
  try {
    const hooks = await kernel.tryHooks(addon, {
      cgroupRoot: values['cgroup-root'] || (cgroup2Root() ?? ''),
      pinFolder: `${dirname(values['pin-folder'])}/picket-doctor`,
    });
    return [...checks, ...kernel.hookChecks(hooks)];
  } catch (error) {
    return [
      ...checks,
      fail('probe', (error as Error).message, 'nothing can be watched', 'see the checks above'),
    ];
  }
}

async function collect(values: AllSettings): Promise<Check[]> {
  const mounts = kernel.readText('/proc/self/mounts');
  const folder = values['state-folder'];
  return [
    kernel.machineCheck(),
    kernel.capabilityCheck(kernel.readText('/proc/self/status')),
    kernel.btfCheck(),
    kernel.cgroupCheck(mounts, values['cgroup-root']),
    kernel.bpffsCheck(mounts, values['pin-folder']),
    ...(await kernelChecks(values)),
    memory(),
    state.tensorflowCheck(),
    state.stateFolderCheck(folder),
    ...state.certificateChecks(folder, Date.now()),
    state.spoolCheck(folder, values['spool-bytes']),
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
    'Checks kernel, rights, cgroups, memory, certificates and spool; loads the probe for a moment. Exit code 4 when a check fails.',
  flags: {},
  settings: 'all',
  examples: ['sudo picket doctor', 'picket doctor --json'],
  run,
};
