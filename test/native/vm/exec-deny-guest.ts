/** Runs in the virtual machine: what exec deny does, asks for and leaves, told as one line of JSON. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { canaryPath, loadAddon } from '../../../native/index.ts';

const PINS = '/sys/fs/bpf/picket';
const LINK = `${PINS}/v2/links/deny_exec`;
const addon = loadAddon();

/** A shell in a cgroup of its own; `runs`: its answer to a program, 126 where that is refused. */
function shellIn(name: string) {
  const path = join('/sys/fs/cgroup', name);
  mkdirSync(path);
  const child = spawn('sh', [
    '-c',
    `echo $$ > ${path}/cgroup.procs; while read line; do eval "$line"; echo $?; done`,
  ]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const runs = async (command: string): Promise<number> => {
    child.stdin.write(`${command}\n`);
    return Number((await lines.next()).value);
  };
  return { path, id: statSync(path).ino, runs, end: () => child.kill('SIGKILL') };
}

const untilIn = (seconds: number): bigint =>
  BigInt(Math.round((Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) + seconds) * 1e9));

const told: Record<string, unknown> = {};
let held = addon.openContainments({ pinFolder: PINS, cgroupRoot: '/sys/fs/cgroup' });
const [one, other] = [shellIn('one'), shellIn('other')];
// Not the shell's own: busybox runs its programs in the shell itself unless they are named by path.
const PROGRAM = '/bin/busybox true';
const contain = (seconds: number, change: object = {}): void =>
  held.contain({
    ...{ cgroup: one.id, cgroupPath: one.path, until: untilIn(seconds), order: 7n },
    ...{ networkDeny: false, killOnExec: false, cutProbes: false, allow: [], execDeny: true },
    ...change,
  });
const tryIt = (): Promise<number> =>
  addon.tryExec({ cgroup: one.id, cgroupPath: one.path, program: canaryPath() });

told['before'] = [await one.runs(PROGRAM), existsSync(LINK)];
contain(3600, { execDeny: false, networkDeny: true });
told['network alone'] = [await one.runs(PROGRAM), existsSync(LINK)];
contain(3600);
told['denied'] = [await one.runs(PROGRAM), await tryIt(), existsSync(LINK)];
told['the caller goes on'] = await one.runs('true');
told['others'] = await other.runs(PROGRAM);
const [entry] = held.list();
told['entry'] = [entry?.execDeny, Number(entry?.execs), held.execDenyRefusal];
held.close();
held = addon.openContainments({ pinFolder: PINS, cgroupRoot: '/sys/fs/cgroup' });
told['adopted'] = [held.adopted, await one.runs(PROGRAM), existsSync(LINK)];
contain(2);
told['until its end'] = await one.runs(PROGRAM);
await sleep(2500);
told['after its end'] = [await one.runs(PROGRAM), existsSync(LINK)];
contain(3600);
told['again'] = await one.runs(PROGRAM);
held.release(one.id);
told['released'] = [await one.runs(PROGRAM), await tryIt(), existsSync(LINK)];
held.remove();
told['removed'] = existsSync(PINS);
one.end();
other.end();
console.log(`RESULT ${JSON.stringify(told)}`);
process.exit(0);
