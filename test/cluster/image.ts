/**
 * The image, built from the Dockerfile itself: by buildah, whose chroot isolation needs no container runtime, on a base made by
 * debootstrap. Kept by the hash of all that goes in; of a changed source only the layers after the toolchain are built.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CACHE, debianRoot, TRIPLET, UnavailableError } from './binaries.ts';
import { ended, type RunOptions, run } from './command.ts';

const ROOT = join(import.meta.dirname, '../..');
const SUITE = 'bookworm';
const BASE = `localhost/picket-base:${SUITE}`;
/** Debian's updates are followed. */
const BASE_DAYS = 14;

/** As pods name it. */
export const IMAGE = { repository: 'docker.io/library/picket', tag: 'test' };

const PACKAGES = [
  'buildah',
  'golang-github-containers-common',
  'golang-github-containers-image',
  'libassuan0',
  'libdevmapper1.02.1',
  'libgpg-error0',
  'libgpgme11',
  'libseccomp2',
  'libsubid4',
];

/** Where this machine's authorities are in the image: what installs ca-certificates there writes /etc/ssl/certs anew. */
const AUTHORITIES = '/usr/local/share/carried-certificates';
const inImage = (value: string): string => value.replace(/^\/etc\/ssl\/certs(?=\/|$)/, AUTHORITIES);

/** What a build needs of this machine to reach packages: where certificates and proxies are, and npm's own settings. */
async function carriedEnvironment(): Promise<string[]> {
  const wanted = /^(SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|https?_proxy|no_proxy)$/i;
  const own = Object.entries(process.env).filter(([name]) => wanted.test(name));
  const asked = ['registry', 'cafile', 'proxy', 'https-proxy'].map(async (name) => {
    const end = await ended(['npm', 'config', 'get', name], { cwd: '/' });
    return [`npm_config_${name.replace('-', '_')}`, end.stdout.trim()] as const;
  });
  const npm = (await Promise.all(asked)).filter(([, value]) => !['', 'null', 'undefined'].includes(value));
  return [...own, ...npm].map(([name, value]) => `${name}=${inImage(value ?? '')}`).sort();
}

type Buildah = (args: readonly string[], options?: RunOptions) => Promise<string>;

/** Words of a shell in a mount namespace of its own, in which the loader finds libraries in these folders too. */
async function withLibraries(debian: string): Promise<string[]> {
  const cache = join(debian, 'ld.so.cache');
  const folders = ['usr/lib', 'lib'].map((folder) => join(debian, folder, TRIPLET));
  // buildah starts itself again for each command of a Dockerfile, with an environment that it has emptied.
  await run(['ldconfig', '-X', '-C', cache, ...folders]);
  const script = 'mount --bind "$0" /etc/ld.so.cache && exec "$@"';
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, cache];
}

async function buildah(): Promise<Buildah> {
  const debian = await debianRoot(PACKAGES);
  const storage = join(CACHE, 'buildah');
  const env = {
    BUILDAH_ISOLATION: 'chroot',
    STORAGE_DRIVER: 'overlay',
    REGISTRIES_CONFIG_PATH: join(debian, 'etc/containers/registries.conf'),
  };
  const program = [join(debian, 'usr/bin/buildah'), '--root', storage, '--runroot', join(storage, 'run')];
  const enter = await withLibraries(debian);
  return (args, options = {}) => {
    const [command = '', ...rest] = args;
    const policy = ['from', 'build', 'commit', 'push'].includes(command)
      ? ['--signature-policy', join(debian, 'etc/containers/policy.json')]
      : [];
    const argv = [...enter, ...program, command, ...policy, ...rest];
    return run(argv, { ...options, env: { ...env, ...options.env } });
  };
}

/** Package sources, certificates and names as this machine has them: mirrors differ from one network to the next. */
function carry(root: string): void {
  // debootstrap wrote one of its own, which would repeat what is carried.
  rmSync(join(root, 'etc/apt/sources.list'), { force: true });
  const paths = ['apt/sources.list', 'apt/sources.list.d', 'apt/apt.conf.d', 'apt/auth.conf.d'];
  cpSync('/etc/ssl/certs', join(root, AUTHORITIES), { recursive: true, dereference: true });
  for (const path of [...paths, 'ssl/certs', 'resolv.conf', 'hosts', 'npmrc']) {
    const from = join('/etc', path);
    if (existsSync(from)) cpSync(from, join(root, 'etc', path), { recursive: true, dereference: true });
  }
}

/** An archive of a Debian with nothing in it. */
async function baseArchive(): Promise<string> {
  const target = join(CACHE, `base-${SUITE}-2.tar`);
  if (existsSync(target) && Date.now() - statSync(target).mtimeMs < BASE_DAYS * 86_400_000) return target;
  const asked = ['apt-get', 'indextargets', '--format', '$(REPO_URI) $(RELEASE) $(CREATED_BY)'];
  const mirrors = (await run(asked)).split('\n').map((line) => line.split(' '));
  const mirror = mirrors.find(([, release, kind]) => release === SUITE && kind === 'Packages')?.[0];
  const root = mkdtempSync(join(tmpdir(), 'picket-base-'));
  try {
    const include = '--include=ca-certificates';
    const argv = ['debootstrap', '--variant=minbase', include, SUITE, root, ...(mirror ? [mirror] : [])];
    const end = await ended(argv).catch((cause: unknown) => {
      throw new UnavailableError('no debootstrap: the image is built on a root made by it', { cause });
    });
    if (end.code !== 0) throw new UnavailableError(`debootstrap: ${end.stdout.trim().split('\n').at(-1)}`);
    carry(root);
    rmSync(join(root, 'var/cache/apt/archives'), { recursive: true, force: true });
    await run(['tar', '-cf', `${target}.new`, '-C', root, '.']);
    renameSync(`${target}.new`, target);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return target;
}

async function importBase(tool: Buildah): Promise<void> {
  const archive = await baseArchive();
  const environment = await carriedEnvironment();
  const print = [String(Math.trunc(statSync(archive).mtimeMs)), ...environment].join(' ');
  const made = createHash('sha256').update(print).digest('hex').slice(0, 16);
  const label = ['inspect', '--type', 'image', '--format', '{{index .OCIv1.Config.Labels "made"}}', BASE];
  if ((await tool(label).catch(() => '')).trim() === made) return;
  const container = (await tool(['from', 'scratch'])).trim();
  await tool(['add', container, archive, '/']);
  const flags = environment.flatMap((pair) => ['--env', pair]);
  await tool(['config', ...flags, '--label', `made=${made}`, container]);
  await tool(['commit', '--rm', container, BASE]);
}

/** The files that a build is given, as .dockerignore leaves them. */
async function contextFiles(): Promise<string[]> {
  const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
  const listed = await run(['git', '-C', ROOT, 'ls-files', '-coz', '--exclude-standard']);
  return listed
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(ROOT, path)))
    .filter(
      (path) => !ignored.some((entry) => entry !== '' && (path === entry || path.startsWith(`${entry}/`))),
    )
    .sort();
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of files) hash.update(`${path}\0`).update(readFileSync(join(ROOT, path)));
  return hash.digest('hex').slice(0, 16);
}

/** The file of an image archive with the present code in it, built if there is none. @throws UnavailableError */
export async function picketImage(): Promise<string> {
  const files = await contextFiles();
  const target = join(CACHE, `image-${hashOf(files)}.tar`);
  if (existsSync(target)) return target;
  mkdirSync(CACHE, { recursive: true });
  const tool = await buildah();
  await importBase(tool);
  const context = mkdtempSync(join(tmpdir(), 'picket-context-'));
  try {
    for (const path of files) {
      mkdirSync(dirname(join(context, path)), { recursive: true });
      // With its times, which the set-up's stamps are made of.
      cpSync(join(ROOT, path), join(context, path), { preserveTimestamps: true });
    }
    const name = 'localhost/picket:test';
    await tool([
      'build',
      '--layers',
      '--format',
      'docker',
      '--build-arg',
      `BASE=${BASE}`,
      '-t',
      name,
      context,
    ]);
    const archive = `${target}.${process.pid}`;
    await tool(['push', name, `docker-archive:${archive}:${IMAGE.repository}:${IMAGE.tag}`]);
    renameSync(archive, target);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
  return target;
}
