/** Runs in the virtual machine: what containment cuts from inside, lets through, and gives back, told as one line of JSON. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAddon } from '../../../native/index.ts';

const PINS = '/sys/fs/bpf/picket';
const PORT = 8080;
const TRIES = 30;
/** Longer than all ways take where each instruction is emulated. */
const LEASE_S = 30;
const [, , doer = ''] = process.argv;
const addon = loadAddon();

/** A process of doer.c in a cgroup of its own; its answers are errnos and wait statuses. */
async function start(name: string) {
  const path = join('/sys/fs/cgroup', name);
  mkdirSync(path);
  const child = spawn('sh', ['-c', `echo $$ > ${path}/cgroup.procs && exec ${doer}`]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const ask = async (command: string): Promise<number> => {
    child.stdin.write(`${command}\n`);
    return Number((await lines.next()).value);
  };
  return { path, id: statSync(path).ino, ask, end: () => child.kill('SIGKILL') };
}

const [one, other, peer] = [await start('one'), await start('other'), await start('peer')];
const untilIn = (seconds: number): bigint =>
  BigInt(Math.round((Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) + seconds) * 1e9));
const open = () => addon.openContainments({ pinFolder: PINS, cgroupRoot: '/sys/fs/cgroup' });
const contain = (seconds: number, change: object = {}): void =>
  held.contain({
    ...{ cgroup: one.id, cgroupPath: one.path, until: untilIn(seconds), order: 7n },
    ...{ networkDeny: true, killOnExec: false, cutProbes: false, allow: [] },
    ...change,
  });
const exchange = async (): Promise<number[]> => {
  const answer = peer.ask('reply');
  return [await one.ask('echo'), await answer];
};
/** TCP of both families, a datagram, a program. */
const ways = async (): Promise<number[]> => [
  await one.ask(`connect 127.0.0.1 ${PORT + 1}`),
  await one.ask(`connect ::1 ${PORT + 1}`),
  await one.ask(`udp 127.0.0.1 ${PORT + 2}`),
  await one.ask('exec /bin/true'),
];

const told: Record<string, unknown> = {};
let held = open();
told['not attached'] = held.hooks.filter(({ state }) => state !== 'attached');
await peer.ask(`listen 127.0.0.1 ${PORT}`);
told['connected'] = [await one.ask(`connect 127.0.0.1 ${PORT}`), await peer.ask('accept')];
told['open connection'] = await exchange();
contain(3600);
told['open connection, contained'] = await exchange();
held.release(one.id);
for (let tried = 0; tried < TRIES && told['open connection, released'] === undefined; tried++) {
  const said = await exchange(); // what was held back is sent again, after a while
  if (said.every((error) => error === 0)) told['open connection, released'] = said;
}
told['before'] = await ways();
contain(3600);
told['contained'] = await ways();
told['neighbour'] = await other.ask(`connect 127.0.0.1 ${PORT}`);
told['from inside'] = await addon.tryInside({ cgroup: one.id, cgroupPath: one.path });
const allow = {
  direction: 'to',
  address: '127.0.0.1',
  bits: 32,
  protocol: 'tcp',
  low: PORT + 1,
  high: PORT + 1,
};
contain(3600, { allow: [allow] });
told['but for a list'] = await ways();
contain(3600, { networkDeny: false, killOnExec: true });
told['programs'] = await ways();
contain(3600, { killOnExec: true });
held.close();
held = open();
told['adopted'] = [held.adopted, await ways()];
contain(LEASE_S, { killOnExec: true });
told['until its end'] = await ways();
for (let tried = 0; tried < TRIES; tried++) {
  told['after its end'] = await ways();
  if (JSON.stringify(told['after its end']) === JSON.stringify(told['before'])) break;
  await sleep(2000);
}
held.release(one.id);
told['released'] = await ways();
held.remove();
for (const process of [one, other, peer]) process.end();
console.log(`RESULT ${JSON.stringify(told)}`);
process.exit(0);
