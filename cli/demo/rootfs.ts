/** A container's root file system: the machine's own /usr read-only, an /etc of its own, no secret of the machine. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the attack reads: made up, and found nowhere else. */
export const SAMPLE_SECRET = 'root:$6$picket$sampleOnlyNotARealHash:20000:0:99999:7:::\n';

const FOLDERS = ['usr', 'proc', 'dev', 'sys', 'tmp', 'etc', 'run', 'root', 'app'];
const FILES: Readonly<Record<string, string>> = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/:/usr/sbin/nologin\n',
  group: 'root:x:0:\nshadow:x:42:\nwww-data:x:33:\n',
  hosts: '127.0.0.1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  'resolv.conf': '',
};

/** Fills an empty folder. */
export function makeRootfs(folder: string, files: Readonly<Record<string, string>> = {}): void {
  for (const name of FOLDERS) mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(folder, name));
  for (const [name, text] of Object.entries({ ...FILES, ...files }))
    writeFileSync(join(folder, 'etc', name), text);
  writeFileSync(join(folder, 'etc/shadow'), SAMPLE_SECRET);
  chmodSync(join(folder, 'etc/shadow'), 0o640);
}

export interface BundleOptions {
  readonly hostname: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Below the mount point of every cgroup hierarchy. */
  readonly cgroupPath: string;
  readonly networkPath: string;
  /** Destination in the container → file or folder of the machine; read-only. */
  readonly binds: Readonly<Record<string, string>>;
}

// What containerd gives a pod's container by default, less what no sample needs.
const CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_KILL',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETGID',
  'CAP_SETUID',
];

/**
 * config.json of runc. No rlimits and no oomScoreAdj: raising either needs CAP_SYS_RESOURCE, which a machine that
 * is itself a guest may lack.
 */
export function bundleConfig(options: BundleOptions): object {
  const bind = (destination: string, source: string): object => ({
    destination,
    source,
    type: 'bind',
    options: ['rbind', 'ro', 'nosuid', 'nodev'],
  });
  return {
    ociVersion: '1.0.2',
    hostname: options.hostname,
    root: { path: 'rootfs', readonly: true },
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      cwd: '/',
      args: options.args,
      env: [
        'PATH=/usr/local/bin:/usr/bin:/bin',
        ...Object.entries(options.environment).map((e) => e.join('=')),
      ],
      noNewPrivileges: true,
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'size=16m'] },
      bind('/usr', '/usr'),
      ...Object.entries(options.binds).map(([destination, source]) => bind(destination, source)),
    ],
    linux: {
      cgroupsPath: options.cgroupPath,
      namespaces: [
        ...['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })),
        { type: 'network', path: options.networkPath },
      ],
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  };
}
