/**
 * Baselines on disk, one file each, named by the hash of the workload's key. Written beside and renamed, so that a
 * file is whole or not there; a file that cannot be read is moved aside (`.broken`) and counted.
 *
 * Each written version adds a line to `chain.log`: workload, generation, its hash and that of the version before. A file whose
 * hash is none of the last two of its workload was changed by somebody else; it is loaded, and told. This shows an edit of
 * baselines, not one by somebody who rewrites the chain as well: for that it has to be kept elsewhere.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { appendFile, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf, type SavedText } from './registry.ts';

/** What a checkpoint needs of the registry. */
export interface Checkpointed {
  save(limit?: number): SavedText[];
  load(text: string): void;
  touch(workload: string): void;
  round(every: number): void;
  takeDropped(): string[];
}

export interface Restored {
  readonly loaded: number;
  /** Files moved aside, with the reason. */
  readonly broken: readonly { readonly file: string; readonly reason: string }[];
  /** Files that are not as the agent wrote them. */
  readonly edited: readonly string[];
}

const MAX_FILE_BYTES = 16 * 1024 * 1024;
const CHAIN = 'chain.log';
/** At which it is renamed to `.1`, in place of an older one; some 40,000 versions. */
const MAX_CHAIN_BYTES = 8 * 1024 * 1024;
const fileOf = (workload: string): string =>
  `${createHash('sha256').update(workload).digest('hex').slice(0, 32)}.json`;

export class Checkpoint {
  readonly #folder: string;

  /** Makes the folder if it is missing. @throws when it cannot be made. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Loads every saved baseline; called once, before the first event. */
  restore(registry: Checkpointed): Restored {
    const broken: { file: string; reason: string }[] = [];
    const edited: string[] = [];
    const chain = this.#chain();
    let loaded = 0;
    for (const name of readdirSync(this.#folder).toSorted()) {
      if (!name.endsWith('.json')) continue;
      const file = join(this.#folder, name);
      try {
        if (statSync(file).size > MAX_FILE_BYTES) throw new Error('the file is too large');
        const text = readFileSync(file, 'utf8');
        registry.load(text);
        loaded += 1;
        const hashes = chain.get(name);
        if (hashes !== undefined && !hashes.includes(hashOf(text))) edited.push(file);
      } catch (error) {
        broken.push({ file, reason: (error as Error).message });
        renameSync(file, `${file}.broken`);
      }
    }
    return { loaded, broken, edited };
  }

  /**
   * Writes those baselines that changed, one at a time, leaving the event loop free between them, and removes what left.
   * One for which all is as ever is written `every` so many times that this is called: it takes milliseconds, each time.
   * @returns how many were written. @throws the first error of the file system; what was not written is tried again.
   */
  async write(registry: Checkpointed, every = 1): Promise<number> {
    registry.round(every);
    for (const workload of registry.takeDropped())
      await rm(join(this.#folder, fileOf(workload)), { force: true });
    for (let written = 0; ; written++) {
      const [saved] = registry.save(1);
      if (saved === undefined) return written;
      try {
        await this.#writeOne(saved);
      } catch (error) {
        registry.touch(saved.workload);
        throw error;
      }
    }
  }

  /** File name → hashes of its last two versions: the last may not have been written any more. */
  #chain(): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const name of [`${CHAIN}.1`, CHAIN]) {
      let text = '';
      try {
        text = readFileSync(join(this.#folder, name), 'utf8');
      } catch {
        continue; // none yet
      }
      for (const line of text.split('\n')) {
        const [file, , hash] = line.split(' ');
        if (file === undefined || hash === undefined) continue;
        found.set(file, [...(found.get(file) ?? []), hash].slice(-2));
      }
    }
    return found;
  }

  async #chained({ workload, generation, hash, previous }: SavedText): Promise<void> {
    const file = join(this.#folder, CHAIN);
    const size = await stat(file).then(
      ({ size: bytes }) => bytes,
      () => 0,
    );
    if (size > MAX_CHAIN_BYTES) await rename(file, `${file}.1`);
    const line = `${fileOf(workload)} ${generation} ${hash} ${previous}\n`;
    await appendFile(file, line, { mode: 0o600 });
  }

  async #writeOne(saved: SavedText): Promise<void> {
    const file = join(this.#folder, fileOf(saved.workload));
    const beside = `${file}.new`;
    const handle = await open(beside, 'w', 0o600);
    try {
      await handle.writeFile(saved.text);
      await handle.sync();
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    await this.#chained(saved);
    await rename(beside, file);
  }
}
