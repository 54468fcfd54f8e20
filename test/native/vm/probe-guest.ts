/** Runs in the virtual machine: which observing programs its kernel takes, and what they see, told as one line of JSON. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAddon } from '../../../native/index.ts';

const GROUP = `/sys/fs/cgroup/cri-containerd-${'5'.repeat(64)}.scope`;
const addon = loadAddon();
const layout = addon.layout();
const kinds = new Map<number, number>();
const count = (records: Buffer): void => {
  for (let at = 0; at + 16 <= records.length; at += records.readUInt32LE(at + 4)) {
    const kind = records.readUInt32LE(at);
    // Of the container alone: slots below 2 are the host's.
    if (records.readUInt32LE(at + 8) > 1) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
};

async function open(byHelpers: boolean) {
  const began = performance.now();
  const probe = await addon.openProbe(
    {
      ...{
        pinFolder: '/sys/fs/bpf/picket',
        cgroupRoot: '/sys/fs/cgroup',
        cgroupHierarchy: 0,
        selfPid: process.pid,
      },
      ...{ urgentBytes: 1 << 20, bulkBytes: 1 << 20, bulkMs: 50, recordsPerSecond: 1000, recordBurst: 1000 },
      ...{
        slots: 64,
        liveSlots: 4,
        flows: 1024,
        callIds: new Uint8Array(512).fill(1),
        seenKey: 7n,
        byHelpers,
      },
      ...{ watchedNames: [{ name: 'shadow', where: 'file' }], queueBatches: 64 },
    },
    count,
  );
  return { probe, ms: performance.now() - began };
}

const hooksOf = (hooks: Awaited<ReturnType<typeof open>>['probe']['hooks']) =>
  Object.fromEntries(
    hooks.filter(({ state }) => state !== 'attached').map(({ name, reason }) => [name, reason]),
  );
const told: Record<string, unknown> = {};

mkdirSync('/etc', { recursive: true });
writeFileSync('/etc/shadow', 'root:*:1::::::\n');
writeFileSync('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
mkdirSync(GROUP);
const { probe, ms } = await open(false);
told['not attached'] = hooksOf(probe.hooks);
told['ms'] = ms;
const server = createServer((_, response) => response.end('yes')).listen(8080, '127.0.0.1');
await sleep(200);
const inside = (command: string) =>
  spawnSync('sh', ['-c', `echo $$ > ${GROUP}/cgroup.procs; ${command}`], { timeout: 20_000 });
inside(
  '/bin/busybox cat /etc/shadow; /bin/busybox chmod 4755 /etc/shadow; /bin/busybox nslookup picket.test 127.0.0.1; true',
);
await sleep(1000);
for (const kind of ['EXEC', 'OPEN', 'ACTION', 'DNS', 'FLOW', 'NOVEL', 'EXIT', 'CGROUP'])
  told[kind] = (kinds.get(layout[`RECORD_${kind}`] ?? -1) ?? 0) > 0;
const slot = probe.readCounts().find(({ slot: number }) => number > 1);
told['execs'] = Number(slot?.execs ?? 0);
told['flows'] = probe.readFlows().length > 0;
told['lost'] = [...probe.counters().lost].map(Number);
server.close();
await probe.close();
const old = await open(true);
told['by helpers, not attached'] = hooksOf(old.probe.hooks);
await old.probe.close();
console.log(`RESULT ${JSON.stringify(told)}`);
process.exit(0);
