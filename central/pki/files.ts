/** Files that only their owner may read: written whole or not at all, refused when others can read them. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';

/** A key file, or the folder around it, that others than its owner can reach. */
export class KeyFileError extends Error {
  readonly code = 'PICKET_KEY_FILE';
  constructor(path: string, mode: number) {
    super(
      `${path}: mode ${(mode & 0o777).toString(8)} lets others than its owner in; give it to its owner alone (chmod go= ${path})`,
    );
    this.name = 'KeyFileError';
  }
}

/** Makes `path` with mode 0700. @throws KeyFileError when it is there and others can enter it. */
export function privateFolder(path: string): void {
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(path, 0o700);
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0) throw new KeyFileError(path, mode);
}

/**
 * Whether others than this process's user can reach the file. A Secret is mounted for an unprivileged user as root's, to be
 * read by the pod's group, which is this process's own; there is no other way to hand it in.
 */
function isOpen({ mode, uid, gid }: { mode: number; uid: number; gid: number }): boolean {
  const mounted = (mode & 0o037) === 0 && uid === 0 && process.getuid?.() !== 0 && gid === process.getgid?.();
  return (mode & 0o077) !== 0 && !mounted;
}

/** The text, or null when there is no such file. @throws KeyFileError when others can read or write it. */
export function readPrivate(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  if (isOpen(stat)) throw new KeyFileError(path, stat.mode);
  return readFileSync(path, 'utf8');
}

function writeAside(path: string, text: string): string {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(aside, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return aside;
}

/** Replaces the file in one step; a reader sees the old text or the new one. */
export function replacePrivate(path: string, text: string): void {
  renameSync(writeAside(path, text), path);
}

/** The file's text; made by `make` where there is none. Of two that make it at once, the first one's text counts. */
export async function readOrMakePrivate(path: string, make: () => string | Promise<string>): Promise<string> {
  const there = readPrivate(path);
  if (there !== null) return there;
  const aside = writeAside(path, await make());
  try {
    linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside);
  }
  const text = readPrivate(path);
  if (text === null) throw new Error(`${path}: gone while it was made`);
  return text;
}
