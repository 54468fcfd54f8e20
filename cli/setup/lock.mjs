/**
 * One set-up at a time per checkout. The lock is a file that names its holder as `pid start`, where `start` is field
 * 22 of /proc/PID/stat: a pid alone may be reused after a crash.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache } from './root.mjs';

const WAIT_MS = 200;

function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program may hold spaces and brackets; the fields begin after its last bracket.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    // No such process.
    return null;
  }
}

function readHolder(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Released meanwhile.
    return null;
  }
}

function isAlive(holder) {
  const [pid, start] = holder.split(' ');
  return startOf(pid) === start;
}

/** Creates the file with its content in one step; false when it exists. */
function tryTake(path, me) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, me);
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Takes a dead holder's lock away. What was renamed may be the lock of a faster process: that one is put back. */
function clearStale(path) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    if (isAlive(readFileSync(aside, 'utf8'))) linkSync(aside, path);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Waits for the lock and returns the function that releases it. `onWait` is told the holder's pid, once. */
export function takeLock(onWait, folder = cache) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'set-up.lock');
  const me = `${process.pid} ${startOf(process.pid)}`;
  let told = false;
  while (!tryTake(path, me)) {
    const holder = readHolder(path);
    if (holder === null) continue;
    if (!isAlive(holder)) {
      clearStale(path);
      continue;
    }
    if (!told) onWait(holder.split(' ')[0]);
    told = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
  }
  return () => {
    if (readHolder(path) === me) rmSync(path, { force: true });
  };
}
