/**
 * Follows an audit log: whole lines, each once, also over a restart. A rotated file is known by its inode; what is left of
 * it is read before the new one, as far as it is still there beside it. A file that was cut short begins again.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface FilePlace {
  readonly path: string;
  readonly inode: number;
  readonly offset: number;
  /** Of the file's beginning, as inodes are used again. */
  readonly head: string;
}
export interface Lines {
  readonly rows: readonly unknown[];
  readonly malformed: number;
  /** Where to go on once these are kept. */
  readonly place: FilePlace;
  /** There is more to read at once. */
  readonly more: boolean;
}

/** Read at one time; an event of the API server is at most 100 KiB when it truncates, and a line longer than this is left out. */
const CHUNK_BYTES = 1024 ** 2;
const HEAD_BYTES = 256;
const LINE_END = 10;

async function headOf(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  const line = buffer.subarray(0, bytesRead).indexOf(LINE_END);
  // Of a first line that is not whole yet, nothing is known.
  if (line === -1 && bytesRead < HEAD_BYTES) return '';
  return createHash('sha256')
    .update(buffer.subarray(0, line === -1 ? bytesRead : line))
    .digest('hex')
    .slice(0, 16);
}

function rowsOf(text: string): Pick<Lines, 'rows' | 'malformed'> {
  const rows: unknown[] = [];
  let malformed = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    try {
      rows.push(JSON.parse(line));
    } catch {
      malformed += 1;
    }
  }
  return { rows, malformed };
}

/** The file that a place is in, when another has taken its name: beside it, by its inode. */
async function rotated({ path, inode }: FilePlace): Promise<string | null> {
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names) {
    if (name === basename(path) || !name.startsWith(basename(path).replace(/\.[^.]*$/, ''))) continue;
    const found = await stat(join(dirname(path), name)).catch(() => null);
    if (found?.isFile() && found.ino === inode) return join(dirname(path), name);
  }
  return null;
}

/** Whole lines behind a place. A line longer than a chunk is passed over and counted. */
async function readOn(file: FileHandle, at: { inode: number; offset: number; path: string }): Promise<Lines> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at.offset);
  const end = buffer.subarray(0, bytesRead).lastIndexOf(LINE_END);
  const head = await headOf(file);
  if (end === -1) {
    const full = bytesRead === CHUNK_BYTES;
    const offset = full ? at.offset + bytesRead : at.offset;
    return { rows: [], malformed: Number(full), place: { ...at, offset, head }, more: full };
  }
  const found = rowsOf(buffer.subarray(0, end).toString('utf8'));
  return {
    ...found,
    place: { ...at, offset: at.offset + end + 1, head },
    more: bytesRead === CHUNK_BYTES,
  };
}

async function readAt(path: string, from: number, of: string): Promise<Lines | null> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return null;
  try {
    const { ino, size } = await file.stat();
    return await readOn(file, { inode: ino, offset: size < from ? 0 : from, path: of });
  } finally {
    await file.close();
  }
}

/**
 * What has come since `place`.
 * @returns null when there is no such file now.
 */
export async function readLines(path: string, place: FilePlace | null): Promise<Lines | null> {
  const now = await stat(path).catch(() => null);
  if (place === null) return now === null ? null : readAt(path, 0, path);
  const file = now === null ? null : await open(path, 'r').catch(() => null);
  const head = file === null ? '' : await headOf(file);
  await file?.close();
  const same = now !== null && now.ino === place.inode && (place.head === '' || place.head === head);
  if (same) return readAt(path, place.offset, path);
  const old = await rotated(place);
  const left = old === null ? null : await readAt(old, place.offset, path);
  if (left !== null && (left.rows.length > 0 || left.malformed > 0)) return { ...left, more: true };
  return now === null ? null : readAt(path, 0, path);
}
