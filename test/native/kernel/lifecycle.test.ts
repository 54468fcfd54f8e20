import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { loadAddon } from '../../../native/index.ts';
import {
  atEnd,
  cleanUp,
  findCgroup2,
  openTestProbe,
  PROBE_OPTIONS,
  pinFolder,
  skipReason,
} from '../kernel-fixtures.ts';

const child = fileURLToPath(new URL('child.ts', import.meta.url));
const cgroupRoot = findCgroup2() ?? '';

function runChild(task: string): { status: number | null; signal: string | null } {
  const { status, signal } = spawnSync(
    process.execPath,
    ['--expose-gc', child, task, pinFolder(), cgroupRoot],
    {
      stdio: 'inherit',
      timeout: 30_000,
    },
  );
  return { status, signal };
}

function startWorker(task: string): Worker {
  const worker = new Worker(child, { workerData: [task, pinFolder(), cgroupRoot], execArgv: [] });
  atEnd(async () => void (await worker.terminate()));
  return worker;
}

/** Programs that this process holds. */
function heldPrograms(): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // closed since, such as that of the listing itself
    }
  });
  return targets.filter((target) => target === 'anon_inode:bpf-prog').length;
}

describe.skipIf(skipReason('lifecycle') !== null)('lifecycle', () => {
  afterEach(cleanUp);

  it('closes once however often it is asked to, and then refuses every call', async () => {
    const before = heldPrograms();
    const { probe } = await openTestProbe();
    expect(heldPrograms()).toBe(before + probe.hooks.length);
    expect(probe.close()).toBe(probe.close());
    const closed = expect.objectContaining({ code: 'PICKET_CLOSED' });
    expect(() => probe.readCounts()).toThrow(closed);
    await probe.close();
    expect(() => probe.readFlows()).toThrow(closed);
    expect(() => probe.counters()).toThrow(closed);
    expect(() => probe.freeSlot(2, 1)).toThrow(closed);
    expect(() => probe.hooks).toThrow(closed);
    expect(heldPrograms()).toBe(before);
  });

  it('hands over what is in the rings before close resolves, and nothing after it', async () => {
    const { probe, records } = await openTestProbe({ bulkMs: 60_000 });
    for (let i = 0; i < 10; i++) execFileSync('/bin/true');
    await probe.close();
    const exits = records.filter((record) => record.kind === 2).length;
    const all = records.length;
    expect(exits).toBeGreaterThanOrEqual(10); // they waited in the bulk ring
    execFileSync('/bin/true');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(records).toHaveLength(all);
  });

  it('runs in a worker, beside another in the main thread, and ends with it', async () => {
    const before = heldPrograms();
    const { probe, records } = await openTestProbe();
    const worker = startWorker('stay');
    await once(worker, 'message');
    const sizes: unknown[] = [];
    worker.on('message', (size) => sizes.push(size));
    // This process is left out by both; its child is not.
    execFileSync('/bin/true');
    await expect.poll(() => sizes.length).toBeGreaterThan(0);
    await expect.poll(() => records.length).toBeGreaterThan(0);
    await worker.terminate();
    await expect.poll(heldPrograms).toBe(before + probe.hooks.length);
  });

  it('survives a worker that ends while it loads', async () => {
    const before = heldPrograms();
    for (const wait of [0, 5, 20, 60, 120, 200]) {
      const worker = startWorker('loadInWorker');
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, wait));
      await worker.terminate();
    }
    await expect.poll(heldPrograms, { timeout: 5000 }).toBe(before);
  });

  it('survives the end of a process with an open or loading probe', () => {
    expect(runChild('exitWhileOpen')).toEqual({ status: 7, signal: null });
    expect(runChild('exitWhileLoading')).toEqual({ status: 8, signal: null });
  });

  it('opens and closes again and again, and keeps nothing alive', () => {
    expect(runChild('openAndClose')).toEqual({ status: 0, signal: null });
  });

  it('takes less than 5 ms of the JavaScript thread to open, however long the kernel takes', () => {
    expect(runChild('openBriefly')).toEqual({ status: 0, signal: null });
  });

  it('goes on after a batch handler that throws', async () => {
    const errors: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => errors.push(error));
    atEnd(() => {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
    const options = { ...PROBE_OPTIONS, pinFolder: pinFolder(), cgroupRoot };
    const probe = await loadAddon().openProbe(options, () => {
      throw new Error('handler');
    });
    execFileSync('/bin/true');
    await expect.poll(() => errors.length).toBeGreaterThan(0);
    await probe.close();
  });

  it('refuses settings that cannot be, with what is wrong', async () => {
    const options = { ...PROBE_OPTIONS, pinFolder: pinFolder(), cgroupRoot };
    const opened = (over: object) => loadAddon().openProbe({ ...options, ...over }, () => {});
    const argument = expect.objectContaining({ code: 'PICKET_ARGUMENT' });
    await expect(opened({ urgentBytes: 5000 })).rejects.toEqual(argument);
    await expect(opened({ slots: 2 })).rejects.toEqual(argument);
    await expect(opened({ watchedNames: [{ name: 'a/b', where: 'file' }] })).rejects.toEqual(argument);
    await expect(opened({ watchedNames: [{ name: 'x'.repeat(32), where: 'file' }] })).rejects.toEqual(
      argument,
    );
    await expect(opened({ selfPid: 'me' })).rejects.toEqual(argument);
  });
});
