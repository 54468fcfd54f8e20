/** Images written by hand: an archive as `docker save` makes it, of one layer. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './command.ts';

const BLOCK = 512;

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly content?: Buffer;
  /** Target of a symbolic link. */
  readonly link?: string;
}

/** One member in the ustar format, which takes names of up to 100 bytes. */
function member({ path, mode, content, link }: Entry): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void =>
    void header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at);
  if (Buffer.byteLength(path) > 100) throw new Error(`${path}: too long for this archive`);
  header.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content?.length ?? 0, 124, 12);
  octal(0, 136, 12);
  header.write('        ', 148);
  header.write(link === undefined ? (content === undefined ? '5' : '0') : '2', 156);
  header.write(link ?? '', 157);
  header.write('ustar\0' + '00', 257);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  const body = content ?? Buffer.alloc(0);
  return Buffer.concat([header, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

const tar = (entries: readonly Entry[]): Buffer =>
  Buffer.concat([...entries.map(member), Buffer.alloc(2 * BLOCK)]);

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function image(name: string, command: readonly string[], files: readonly Entry[]): Buffer {
  const folders = new Set(['tmp', 'etc', 'proc', 'sys', 'dev', ...files.map(({ path }) => dirname(path))]);
  folders.delete('.');
  const layer = tar([
    ...[...folders].map((path) => ({ path, mode: path === 'tmp' ? 0o1777 : 0o755 })),
    ...files,
  ]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Cmd: command, Env: ['PATH=/bin'], WorkingDir: '/' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created_by: 'test' }],
    }),
  );
  const parts = { Config: `${sha256(config)}.json`, RepoTags: [name], Layers: [`${sha256(layer)}.tar`] };
  return tar([
    { path: parts.Config, mode: 0o644, content: config },
    { path: parts.Layers[0] ?? '', mode: 0o644, content: layer },
    { path: 'manifest.json', mode: 0o644, content: Buffer.from(JSON.stringify([parts])) },
  ]);
}

/** Waits for signals and for orphans, as the pause container of Kubernetes does. */
const PAUSE = `#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int number) { (void)number; exit(0); }
static void reap(int number) { (void)number; while (waitpid(-1, NULL, WNOHANG) > 0); }
int main(void) { signal(SIGINT, end); signal(SIGTERM, end); signal(SIGCHLD, reap); for (;;) pause(); }
`;

/** The names that the images have in pods. */
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10';
export const BUSYBOX_IMAGE = 'docker.io/library/busybox:local';

/** Writes the two images that every cluster has, and returns their files. */
export async function writeImages(folder: string, debian: string): Promise<string[]> {
  const source = join(folder, 'pause.c');
  writeFileSync(source, PAUSE);
  await run(['gcc', '-Os', '-static', '-s', '-o', join(folder, 'pause'), source]);
  const pause: Entry = { path: 'pause', mode: 0o755, content: readFileSync(join(folder, 'pause')) };
  const busybox = join(debian, 'bin/busybox');
  const applets = (await run([busybox, '--list'])).trim().split('\n');
  const tools: Entry[] = [
    { path: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
    ...applets
      .filter((name) => name !== 'busybox')
      .map((name) => ({ path: `bin/${name}`, mode: 0o777, link: 'busybox' })),
    { path: 'etc/passwd', mode: 0o644, content: Buffer.from('root:x:0:0:root:/root:/bin/sh\n') },
    { path: 'etc/shadow', mode: 0o600, content: Buffer.from('root:*:20000:0:99999:7:::\n') },
    { path: 'etc/group', mode: 0o644, content: Buffer.from('root:x:0:\n') },
  ];
  const files = {
    'pause.tar': image(PAUSE_IMAGE, ['/pause'], [pause]),
    'busybox.tar': image(BUSYBOX_IMAGE, ['/bin/sh'], tools),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return Object.keys(files).map((name) => join(folder, name));
}
