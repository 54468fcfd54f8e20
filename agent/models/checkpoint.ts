/**
 * Baselines on disk, one file each, named by the hash of the workload's key. Written beside and renamed, so that a
 * file is whole or not there; a file that cannot be read is moved aside (`.broken`) and counted.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SavedText } from './registry.ts';

/** What a checkpoint needs of the registry. */
export interface Checkpointed {
  save(limit?: number): SavedText[];
  load(text: string): void;
  touch(workload: string): void;
  takeDropped(): string[];
}

export interface Restored {
  readonly loaded: number;
  /** Files moved aside, with the reason. */
  readonly broken: readonly { readonly file: string; readonly reason: string }[];
}

const MAX_FILE_BYTES = 16 * 1024 * 1024;
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
    let loaded = 0;
    for (const name of readdirSync(this.#folder).toSorted()) {
      if (!name.endsWith('.json')) continue;
      const file = join(this.#folder, name);
      try {
        if (statSync(file).size > MAX_FILE_BYTES) throw new Error('the file is too large');
        registry.load(readFileSync(file, 'utf8'));
        loaded += 1;
      } catch (error) {
        broken.push({ file, reason: (error as Error).message });
        renameSync(file, `${file}.broken`);
      }
    }
    return { loaded, broken };
  }

  /**
   * Writes those baselines that changed, one at a time, leaving the event loop free between them, and removes what left.
   * @returns how many were written. @throws the first error of the file system; what was not written is tried again.
   */
  async write(registry: Checkpointed): Promise<number> {
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
    await rename(beside, file);
  }
}
