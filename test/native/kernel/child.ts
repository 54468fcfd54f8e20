/** What tests do in a process or worker of its own: the first argument names it. */

import { getPriority } from 'node:os';
import { argv } from 'node:process';
import { createInterface } from 'node:readline';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { unifiedGroups } from '../../../agent/contain/groups.ts';
import { callIds } from '../../../agent/features/call-ids.ts';
import {
  type Containments,
  canaryPath,
  type Hook,
  loadAddon,
  type NativeError,
  type Probe,
} from '../../../native/index.ts';

const [task = '', pinFolder = '', ...rest]: string[] = isMainThread ? argv.slice(2) : workerData;

function openProbe(cgroupRoot: string): Promise<Probe> {
  const sizes = {
    urgentBytes: 1 << 20,
    bulkBytes: 1 << 16,
    bulkMs: 20,
    recordsPerSecond: 1000,
    recordBurst: 1500,
    slots: 16,
    liveSlots: 0,
    flows: 64,
    queueBatches: 16,
  };
  const options = {
    pinFolder,
    cgroupRoot,
    cgroupHierarchy: 0,
    selfPid: process.pid,
    seenKey: 1n,
    watchedNames: [],
    callIds: callIds('x64'),
    ...sizes,
  };
  return loadAddon().openProbe(options, (batch) => parentPort?.postMessage(batch.length));
}

/** Contains a cgroup and is killed. */
function contain(): void {
  const [cgroupPath = '', cgroup = '', until = ''] = rest;
  const containments = loadAddon().openContainments({ pinFolder, cgroupRoot: '' });
  const flags = { networkDeny: true, killOnExec: true, cutProbes: false, allow: [] };
  containments.contain({ cgroup: Number(cgroup), cgroupPath, ...flags, until: BigInt(until), order: 1n });
  process.kill(process.pid, 'SIGKILL');
}

function openContainments(): void {
  loadAddon().openContainments({ pinFolder, cgroupRoot: '' }).close();
}

const missing = (hooks: readonly Hook[]): string =>
  hooks
    .filter(({ state }) => state !== 'attached')
    .map(({ program }) => program)
    .join(' ') || 'every hook';

/** The result of each step, or the code with which it was refused. */
async function attempt(step: () => Promise<string> | string): Promise<string> {
  try {
    return await step();
  } catch (error) {
    return (error as NativeError).code;
  }
}

/** What the agent asks of the kernel, once; tells what came of it. */
async function everything(): Promise<void> {
  const [cgroupRoot = '', cgroupPath = '', cgroup = ''] = rest;
  const told: Record<string, string> = {};
  told['probe'] = await attempt(async () => {
    const probe = await openProbe(cgroupRoot);
    probe.readCounts();
    probe.readFlows();
    const { hooks } = probe;
    await probe.close();
    return missing(hooks);
  });
  told['priority'] = await attempt(() => {
    loadAddon().preferThreads(-10);
    return String(getPriority());
  });
  let containments: Containments | null = null;
  told['containment'] = await attempt(() => {
    containments = loadAddon().openContainments({ pinFolder, cgroupRoot });
    return missing(containments.hooks);
  });
  if (containments !== null)
    told['contain'] = await attempt(() => {
      const flags = { networkDeny: true, killOnExec: true, cutProbes: false, allow: [] };
      const entry = { cgroup: Number(cgroup), cgroupPath, ...flags, until: 2n ** 62n, order: 1n };
      containments?.contain(entry);
      containments?.setNodeAddresses(['198.18.77.1']);
      containments?.release(entry.cgroup);
      return 'done';
    });
  told['kill'] = await attempt(async () => {
    const path = cgroupPath.slice(cgroupRoot.length);
    return String(await unifiedGroups(cgroupRoot).kill({ cgroup: Number(cgroup), path }));
  });
  console.log(JSON.stringify(told));
}

/** Says when the probe is open, and stays. */
async function stay(): Promise<void> {
  await openProbe(rest[0] ?? '');
  parentPort?.postMessage('open');
}

async function exitWhileOpen(): Promise<void> {
  await openProbe(rest[0] ?? '');
  process.exit(7);
}

function exitWhileLoading(): void {
  void openProbe(rest[0] ?? '');
  setTimeout(() => process.exit(8), 20);
}

function loadInWorker(): void {
  void openProbe(rest[0] ?? '');
  parentPort?.postMessage('loading');
}

/** Twenty probes, one after the other, with garbage between them; nothing keeps the process at the end. */
async function openAndClose(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const probe = await openProbe(rest[0] ?? '');
    globalThis.gc?.();
    const both = [probe.close(), probe.close()];
    globalThis.gc?.();
    await Promise.all(both);
  }
}

/** Fails when opening takes 5 ms of this thread. The first time, which also loads code, does not count. */
async function openBriefly(): Promise<void> {
  await (await openProbe(rest[0] ?? '')).close();
  const before = process.threadCpuUsage();
  const probe = await openProbe(rest[0] ?? '');
  const { user, system } = process.threadCpuUsage(before);
  await probe.close();
  console.log(`opening took ${(user + system) / 1000} ms of the JavaScript thread`);
  process.exitCode = user + system < 5000 ? 0 : 1;
}

/** One canary for each line; its pid, or what went wrong. */
async function canary(): Promise<void> {
  const addon = loadAddon();
  console.log(`${process.pid} ${addon.ownNumber().number}`);
  for await (const nonce of createInterface({ input: process.stdin }))
    console.log(await addon.runCanary({ path: canaryPath(), nonce }).catch(String));
}

function ownNumber(): void {
  console.log(JSON.stringify({ pid: process.pid, ...loadAddon().ownNumber() }));
}

/** How many executions a containment counts, when all there was is what the agent tried. */
async function tryExec(): Promise<void> {
  const [cgroupPath = '', id = ''] = rest;
  const addon = loadAddon();
  const containments = addon.openContainments({ pinFolder, cgroupRoot: '' });
  const at = { cgroup: Number(id), cgroupPath };
  const flags = { networkDeny: false, killOnExec: true, cutProbes: false, allow: [] };
  containments.contain({ ...at, ...flags, until: 2n ** 62n, order: 1n });
  const said = await addon.tryExec({ ...at, program: canaryPath() });
  console.log(`${said} ${containments.list()[0]?.execs}`);
  containments.remove();
}

const tasks = {
  canary,
  ownNumber,
  tryExec,
  everything,
  contain,
  openContainments,
  stay,
  exitWhileOpen,
  exitWhileLoading,
  loadInWorker,
  openAndClose,
  openBriefly,
};
await tasks[task as keyof typeof tasks]();
