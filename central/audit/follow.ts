/**
 * Follows an audit log: whole lines, each once, also over a restart. A rotated file is known by its inode; what is left of
 * it is read before the new one, as far as it is still there beside it. A file that was cut short begins again.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir } from 'node:fs/promises';
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

/** The file that a place is in, when another has taken its name: beside it, by its inode. To be closed. */
async function openRotated({ path, inode }: FilePlace): Promise<FileHandle | null> {
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names) {
    if (name === basename(path) || !name.startsWith(basename(path).replace(/\.[^.]*$/, ''))) continue;
    const file = await open(join(dirname(path), name), 'r').catch(() => null);
    const found = await file?.stat();
    if (file !== null && found?.isFile() && found.ino === inode) return file;
    await file?.close();
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

/** @param of the name that the log has, whatever this file of it is called by now. */
async function readFrom(file: FileHandle, from: number, of: string): Promise<Lines> {
  const { ino, size } = await file.stat();
  return readOn(file, { inode: ino, offset: size < from ? 0 : from, path: of });
}

/** What is left in the file that the log's name was taken from, or null. */
async function readRotated(place: FilePlace): Promise<Lines | null> {
  const file = await openRotated(place);
  try {
    const left = await (file && readFrom(file, place.offset, place.path));
    return left !== null && (left.rows.length > 0 || left.malformed > 0) ? { ...left, more: true } : null;
  } finally {
    await file?.close();
  }
}

/**
 * What has come since `place`. The log is opened once: the name may be given to another file at any moment.
 * @returns null when there is no such file now.
 */
export async function readLines(path: string, place: FilePlace | null): Promise<Lines | null> {
  const file = await open(path, 'r').catch(() => null);
  try {
    if (place === null) return await (file && readFrom(file, 0, path));
    const inode = (await file?.stat())?.ino;
    const head = place.head === '' || file === null ? '' : await headOf(file);
    if (file !== null && inode === place.inode && place.head === head)
      return await readFrom(file, place.offset, path);
    return (await readRotated(place)) ?? (await (file && readFrom(file, 0, path)));
  } finally {
    await file?.close();
  }
}
