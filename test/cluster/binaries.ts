/**
 * The cluster's programs, built from the Go modules that go.mod and go.sum pin, and kept by the hash of what goes in: the
 * first build takes some five minutes of two processors, the next start none. What Debian has is unpacked, not installed.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { ended, run } from './command.ts';

const MODULES = join(import.meta.dirname, 'go');
export const CACHE = process.env.PICKET_CLUSTER_CACHE ?? join(homedir(), '.cache/picket/cluster');

/** Folder of libraries in Debian. */
export const TRIPLET = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;

/** What cannot be had on this machine; tests that need it are skipped, where any other failure fails them. */
export class UnavailableError extends Error {
  readonly code = 'PICKET_UNAVAILABLE';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnavailableError';
  }
}

/** Exit code of a process that this machine has not what a cluster is made of. */
export const UNAVAILABLE = 75;

/** Names that main.go answers to. */
const PROGRAMS = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
  'kubectl',
  'coredns',
];

/** Made of one module: file to package. */
const MODULE = join(MODULES, 'kubernetes');
const OUTPUTS = { kubernetes: '.', helm: 'helm.sh/helm/v3/cmd/helm' };

function hashOf(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).sort())
    hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/** Without it the API server would call itself v0.0.0, and what asks for its version would refuse it. */
function linkerFlags(goMod: string): string {
  const version = /k8s\.io\/kubernetes (v1\.(\d+)\.\d+)/.exec(goMod);
  const values = version
    ? ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((name) => [
        `-X ${name}.gitVersion=${version[1]}`,
        `-X ${name}.gitMajor=1 -X ${name}.gitMinor=${version[2]} -X ${name}.gitTreeState=clean`,
      ])
    : [];
  return ['-s -w', ...values].join(' ');
}

/** A failure to fetch the modules, as against one to compile them. */
async function fetchModules(folder: string): Promise<void> {
  const version = await ended(['go', 'env', 'GOVERSION']).catch((cause: unknown) => {
    throw new UnavailableError('no Go compiler: the programs of the cluster are built with it', { cause });
  });
  const wanted = /^go (\d+)\.(\d+)/m.exec(readFileSync(join(folder, 'go.mod'), 'utf8'));
  const there = /^go(\d+)\.(\d+)/.exec(version.stdout.trim());
  if (wanted && there && Number(there[2]) < Number(wanted[2]))
    throw new UnavailableError(`Go ${there[0]} is too old: ${wanted[0]} is needed`);
  const end = await ended(['go', 'mod', 'download'], { cwd: folder });
  if (end.code !== 0)
    throw new UnavailableError(`Go modules cannot be fetched: ${end.stderr.trim().split('\n').at(-1)}`);
}

/** The folder that this process makes it in; what a build that was ended has left goes. */
function workFolder(target: string): string {
  for (const name of readdirSync(CACHE)) {
    const [, of, pid] = /^(.*)\.(\d+)$/.exec(name) ?? [];
    if (of !== basename(target)) continue;
    // Numbers come again: what bears this process's own is of one that was ended.
    if (Number(pid) === process.pid || !existsSync(`/proc/${pid}`))
      rmSync(join(CACHE, name), { recursive: true });
  }
  const made = `${target}.${process.pid}`;
  mkdirSync(made);
  return made;
}

async function build(target: string): Promise<void> {
  await fetchModules(MODULE);
  const made = workFolder(target);
  try {
    const flags = linkerFlags(readFileSync(join(MODULE, 'go.mod'), 'utf8'));
    for (const [file, name] of Object.entries(OUTPUTS)) {
      const argv = ['go', 'build', '-trimpath', '-buildvcs=false', '-mod=readonly', '-ldflags', flags];
      const env = { CGO_ENABLED: '0', GOFLAGS: '' };
      await run(['nice', '-n', '15', ...argv, '-o', join(made, file), name], { cwd: MODULE, env });
    }
    for (const link of PROGRAMS) symlinkSync('kubernetes', join(made, link));
    renameSync(made, target);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

/** Where these programs are once they are built. */
export const programsFolder = (): string => join(CACHE, `kubernetes-${hashOf(MODULE)}`);

/** The folder of these programs, built if they are not there. @throws UnavailableError */
export async function programs(): Promise<string> {
  const target = programsFolder();
  if (existsSync(target)) return target;
  mkdirSync(CACHE, { recursive: true });
  process.stderr.write('cluster: building Kubernetes: minutes, the first time\n');
  await build(target);
  return target;
}

/** Those of the node and of the image, with the libraries that a machine may lack. */
const PACKAGES = [
  'etcd-server',
  'containerd',
  'runc',
  'containernetworking-plugins',
  'busybox-static',
  'nftables',
  'libnftables1',
  'libnftnl11',
  'libmnl0',
  'libjansson4',
  'libedit2',
  'libbsd0',
  'libmd0',
  'libgmp10',
  'libxtables12',
];

/** A folder with these Debian packages unpacked in it. @throws UnavailableError */
export async function debianRoot(packages: readonly string[] = PACKAGES): Promise<string> {
  const print = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 16);
  const target = join(CACHE, `debian-${print}`);
  if (existsSync(target)) return target;
  mkdirSync(CACHE, { recursive: true });
  const made = workFolder(target);
  mkdirSync(join(made, 'archives'));
  try {
    const end = await ended(['apt-get', 'download', '-qq', ...packages], { cwd: join(made, 'archives') });
    if (end.code !== 0) throw new UnavailableError(`Debian packages cannot be fetched: ${end.stderr.trim()}`);
    for (const file of readdirSync(join(made, 'archives')))
      await run(['dpkg-deb', '-x', join(made, 'archives', file), made]);
    rmSync(join(made, 'archives'), { recursive: true });
    renameSync(made, target);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return target;
}
