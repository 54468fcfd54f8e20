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
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, matchesGlob } from 'node:path';
import { CACHE, debianRoot, TRIPLET, UnavailableError } from './binaries.ts';
import { CommandError, ended, type RunOptions, run } from './command.ts';

const ROOT = join(import.meta.dirname, '../..');
const SUITE = 'bookworm';
const NAME = 'localhost/picket:test';
const STORAGE = join(CACHE, 'buildah');
const BASE = `localhost/picket-base:${SUITE}`;
/** Debian's updates are followed. */
const BASE_DAYS = 14;

/** As pods name it. */
export const IMAGE = { repository: 'docker.io/library/picket', tag: 'test' };

/** Layers are known by content, the set-up's stamps by times: with those of this checkout, packages in a kept layer were fetched anew. */
const MADE = new Date('2020-01-01T00:00:00Z');

/** Images of earlier code that are kept, and layers, of which a build leaves some ten; then all is built anew. */
const IMAGES = 2;
const LAYERS = 120;

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

/** What a build needs of this machine to reach packages: proxies are handed in by buildah itself. */
async function reachingPackages(): Promise<string[]> {
  const npm = async (name: string): Promise<string> =>
    (await ended(['npm', 'config', 'get', name], { cwd: '/' })).stdout.trim();
  const { NODE_EXTRA_CA_CERTS, SSL_CERT_FILE } = process.env;
  const authorities = [await npm('cafile'), NODE_EXTRA_CA_CERTS, SSL_CERT_FILE].find(
    (file) => file !== undefined && existsSync(file),
  );
  const registry = await npm('registry');
  return [
    ...(authorities === undefined ? [] : ['--secret', `id=authorities,src=${authorities}`]),
    ...(URL.canParse(registry) ? ['--build-arg', `NPM_CONFIG_REGISTRY=${registry}`] : []),
  ];
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
  const env = {
    BUILDAH_ISOLATION: 'chroot',
    STORAGE_DRIVER: 'overlay',
    REGISTRIES_CONFIG_PATH: join(debian, 'etc/containers/registries.conf'),
  };
  const program = [join(debian, 'usr/bin/buildah'), '--root', STORAGE, '--runroot', join(STORAGE, 'run')];
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

/** Package sources as this machine has them: mirrors differ from one network to the next. */
async function carrySources(root: string): Promise<void> {
  // debootstrap wrote one of its own, which would repeat what is carried.
  rmSync(join(root, 'etc/apt/sources.list'), { force: true });
  for (const path of ['sources.list', 'sources.list.d', 'auth.conf.d']) {
    const from = join('/etc/apt', path);
    if (existsSync(from)) cpSync(from, join(root, 'etc/apt', path), { recursive: true, dereference: true });
  }
  const settings = (await run(['apt-config', 'dump'])).split('\n');
  const wanted = settings.filter((line) =>
    /^Acquire::(?!Languages|CompressionTypes|IndexTargets|Changelogs|cdrom)/.test(line),
  );
  writeFileSync(join(root, 'etc/apt/apt.conf.d/99carried'), `${wanted.join('\n')}\n`);
}

/** As the published slim images of Debian are: no documents, and no waiting for the disk after each file. */
function makeSlim(root: string): void {
  const left = [
    'var/cache/apt/archives',
    'usr/share/doc',
    'usr/share/man',
    'usr/share/locale',
    'usr/share/info',
  ];
  for (const path of left) rmSync(join(root, path), { recursive: true, force: true });
  // apt makes no folder for what it downloads.
  for (const path of ['var/cache/apt/archives/partial', 'var/lib/apt/lists/partial'])
    mkdirSync(join(root, path), { recursive: true });
  const excluded = left.slice(2).map((path) => `path-exclude /${path}/*`);
  writeFileSync(join(root, 'etc/dpkg/dpkg.cfg.d/slim'), `${['force-unsafe-io', ...excluded].join('\n')}\n`);
}

/** An archive of a Debian with nothing in it. */
async function baseArchive(): Promise<string> {
  const target = join(CACHE, `base-${SUITE}-3.tar`);
  if (existsSync(target) && Date.now() - statSync(target).mtimeMs < BASE_DAYS * 86_400_000) return target;
  const asked = ['apt-get', 'indextargets', '--format', '$(REPO_URI) $(RELEASE) $(CREATED_BY)'];
  const mirrors = (await run(asked)).split('\n').map((line) => line.split(' '));
  const mirror = mirrors.find(([, release, kind]) => release === SUITE && kind === 'Packages')?.[0];
  const root = mkdtempSync(join(tmpdir(), 'picket-base-'));
  try {
    const argv = ['debootstrap', '--variant=minbase', SUITE, root, ...(mirror ? [mirror] : [])];
    const end = await ended(argv).catch((cause: unknown) => {
      throw new UnavailableError('no debootstrap: the image is built on a root made by it', { cause });
    });
    if (end.code !== 0) throw new UnavailableError(`debootstrap: ${end.stdout.trim().split('\n').at(-1)}`);
    await carrySources(root);
    makeSlim(root);
    await run(['tar', '-cf', `${target}.new`, '-C', root, '.']);
    renameSync(`${target}.new`, target);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return target;
}

async function importBase(tool: Buildah): Promise<void> {
  const archive = await baseArchive();
  const made = String(Math.trunc(statSync(archive).mtimeMs));
  const label = ['inspect', '--type', 'image', '--format', '{{index .OCIv1.Config.Labels "made"}}', BASE];
  if ((await tool(label).catch(() => '')).trim() === made) return;
  const container = (await tool(['from', 'scratch'])).trim();
  await tool(['add', container, archive, '/']);
  await tool(['config', '--label', `made=${made}`, container]);
  await tool(['commit', '--rm', container, BASE]);
}

/** The files that a build is given, as .dockerignore leaves them. */
async function contextFiles(): Promise<string[]> {
  const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((entry) => entry !== '' && !entry.startsWith('#'));
  const listed = await run(['git', '-C', ROOT, 'ls-files', '-coz', '--exclude-standard']);
  return listed
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(ROOT, path)))
    .filter((path) => !ignored.some((entry) => matchesGlob(path, entry) || matchesGlob(path, `${entry}/**`)))
    .sort();
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of files) hash.update(`${path}\0`).update(readFileSync(join(ROOT, path)));
  return hash.digest('hex').slice(0, 16);
}

/** What a build says that could not fetch its packages: no matter of the Dockerfile. */
const NO_NETWORK =
  /Temporary failure|Could not resolve|Unable to connect|Failed to fetch|EAI_AGAIN|ENOTFOUND|ECONN(REFUSED|RESET)|ENETUNREACH|ETIMEDOUT|certificate verify failed|certificate has expired|self.signed certificate|unable to get (local )?issuer certificate|npm ERR! code E[45]\d\d/;

/** Room for one more: archives of earlier code and old layers go. */
function makeRoom(): void {
  const layers = join(STORAGE, 'overlay-images');
  if (existsSync(layers) && readdirSync(layers).length > LAYERS) rmSync(STORAGE, { recursive: true });
  const archives = readdirSync(CACHE)
    .filter((name) => /^image-.*\.tar/.test(name))
    .map((name) => ({ name, at: statSync(join(CACHE, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { name } of archives.slice(IMAGES)) rmSync(join(CACHE, name), { force: true });
}

async function build(tool: Buildah, context: string): Promise<void> {
  const base = ['--build-arg', `BASE=${BASE}`];
  const args = [...base, ...(await reachingPackages()), '-t', NAME, context];
  const log = join(CACHE, 'image-build.log');
  try {
    await tool(['build', '--layers', '--format', 'docker', ...args], { log });
  } catch (error) {
    if (!(error instanceof CommandError) || !NO_NETWORK.test(error.stderr)) throw error;
    throw new UnavailableError(`the image's packages cannot be fetched (${log})`, { cause: error });
  }
}

/** The file of an image archive with the present code in it, built if there is none. @throws UnavailableError */
export async function picketImage(): Promise<string> {
  const files = await contextFiles();
  const target = join(CACHE, `image-${hashOf(files)}.tar`);
  if (existsSync(target)) return target;
  mkdirSync(CACHE, { recursive: true });
  makeRoom();
  const tool = await buildah();
  await importBase(tool);
  const context = mkdtempSync(join(tmpdir(), 'picket-context-'));
  try {
    for (const path of files) {
      const copy = join(context, path);
      mkdirSync(dirname(copy), { recursive: true });
      cpSync(join(ROOT, path), copy);
      utimesSync(copy, MADE, MADE);
    }
    await build(tool, context);
    const archive = `${target}.${process.pid}`;
    await tool(['push', NAME, `docker-archive:${archive}:${IMAGE.repository}:${IMAGE.tag}`]);
    renameSync(archive, target);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
  return target;
}
