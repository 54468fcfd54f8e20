/**
 * A virtual machine with a kernel of choice, for what this machine's own kernel refuses: booted without a disk, from a file
 * system in memory with busybox, this Node, the addon and one script, whose lines on the console are its answer. It needs
 * qemu-system-x86_64 and busybox (static) in PATH, or PICKET_VM_QEMU and PICKET_VM_BUSYBOX, and a kernel: PICKET_VM_KERNEL.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '../../..');
/** Interpreted instruction by instruction: some forty times slower than the machine itself. */
const BOOT_MS = 500_000;
const RESULT = 'RESULT ';
const BOOTED = 'the kernel is up';
/** QEMU 7.2 interprets some instruction of Linux 6.12's own start wrongly, now and then: no word of ours was said yet. */
const BOOTS = 3;

interface Tools {
  readonly qemu: string;
  readonly busybox: string;
  readonly kernel: string;
}

function inPath(name: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(':');
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** What is missing for a virtual machine, or the tools. */
export function vmTools(): Tools | { readonly missing: string } {
  const env = process.env;
  const qemu = env['PICKET_VM_QEMU'] ?? inPath('qemu-system-x86_64');
  const busybox = env['PICKET_VM_BUSYBOX'] ?? inPath('busybox');
  const kernel = env['PICKET_VM_KERNEL'] ?? null;
  if (process.arch !== 'x64') return { missing: 'not x86-64' };
  if (qemu === null) return { missing: 'no qemu-system-x86_64' };
  if (busybox === null) return { missing: 'no busybox' };
  if (kernel === null) return { missing: 'PICKET_VM_KERNEL names no kernel' };
  return { qemu, busybox, kernel };
}

/** Files with the libraries that they are linked with, under the same paths. */
function withLibraries(folder: string, files: readonly string[]): void {
  const linked = files.flatMap((file) =>
    [...execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(
      ([, path = '']) => path,
    ),
  );
  for (const path of new Set([...files, ...linked])) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(path, join(folder, path));
  }
}

const INIT = (script: string, files: readonly string[]): string => `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t securityfs security /sys/kernel/security
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs trace /sys/kernel/tracing
ip link set lo up
echo ${BOOTED}
${process.execPath} --disable-warning=ExperimentalWarning ${script} ${files.join(' ')} 2>&1
poweroff -f
`;

function makeInitrd(folder: string, script: string, busybox: string, files: readonly string[]): string {
  const root = join(folder, 'root');
  const build = join(ROOT, 'build/Release');
  mkdirSync(join(root, 'bin'), { recursive: true });
  copyFileSync(busybox, join(root, 'bin/busybox'));
  withLibraries(root, [process.execPath, join(build, 'picket.node'), ...files]);
  cpSync(build, join(root, build), { recursive: true });
  for (const path of ['package.json', 'native/index.ts'])
    cpSync(join(ROOT, path), join(root, ROOT, path), { recursive: true });
  cpSync(script, join(root, script));
  writeFileSync(join(root, 'init'), INIT(script, files));
  chmodSync(join(root, 'init'), 0o755);
  const initrd = join(folder, 'initrd.gz');
  const pack = '"$1" find . | "$1" cpio -o -H newc 2>/dev/null | gzip -1 > "$0"';
  execFileSync('sh', ['-c', pack, initrd, busybox], { cwd: root });
  return initrd;
}

/** Until it is off; what it said. */
async function boot({ qemu, kernel }: Tools, initrd: string, lsm: string): Promise<string[]> {
  const append = `console=ttyS0 quiet rdinit=/init panic=-1 lsm=${lsm}`;
  const child = spawn(
    qemu,
    [
      ...['-accel', 'tcg', '-cpu', 'max', '-m', '1500', '-smp', '1', '-nographic', '-no-reboot'],
      ...['-kernel', kernel, '-initrd', initrd, '-append', append],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const late = setTimeout(() => child.kill('SIGKILL'), BOOT_MS);
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) said.push(line);
  clearTimeout(late);
  return said;
}

/**
 * Boots, runs the script with the paths of `files`, programs that are taken along, and gives what it printed behind RESULT as
 * JSON. @throws with the console's end when there is none.
 */
export async function inMachine(
  script: string,
  tools: Tools,
  { lsm, files = [] }: { lsm: string; files?: readonly string[] },
): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), `picket-vm-${basename(script)}-`));
  try {
    const initrd = makeInitrd(folder, script, tools.busybox, files);
    let said = await boot(tools, initrd, lsm);
    for (let boots = 1; boots < BOOTS && !said.some((line) => line.includes(BOOTED)); boots++)
      said = await boot(tools, initrd, lsm);
    // Behind what the boot loader leaves on the line.
    const result = said.find((line) => line.includes(RESULT));
    if (result === undefined)
      throw new Error(`no result; the console ends with:\n${said.slice(-25).join('\n')}`);
    return JSON.parse(result.slice(result.indexOf(RESULT) + RESULT.length));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
