/**
 * Reads what each container uses, once a window: files are kept open, and between two containers the event loop is
 * let go once it was held for HOLD_MS. A reading never fails as a whole: what is not there is null and counted.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { RESOURCE_COUNTERS, type ResourceReading, type Resources, resourcesOf } from '../events/resources.ts';
import { FILES, type ResourceFile, type Totals } from './files.ts';
import { type Controller, foldersOf, type Hierarchies, type Hierarchy } from './hierarchies.ts';

/** Whose resources are read. */
export interface Subject {
  /** Owner's cgroup id. */
  readonly cgroup: number;
  /** Below the mount point of the hierarchy that it is known by. */
  readonly path: string;
  /** Null: it was there before; its counters did not begin at 0 with us. */
  readonly madeAt: bigint | null;
}

export interface ResourceCounts {
  /** Readings of one container. */
  readings: number;
  /** Time spent reading, ms. */
  readMs: number;
  openFiles: number;
  /**
   * Files that were not there, by reason: no-folder (in that hierarchy), no-file (controller or kernel without it),
   * descriptors (none free), unreadable; and containers beyond MAX_CONTAINERS, too-many. Counted at each look.
   */
  readonly missing: Record<string, number>;
}

const MAX_CONTAINERS = 1024;
/**
 * An open file of a cgroup holds 5.7 KB of kernel memory, for its text above all. Beyond so many (6 MB), those that are not
 * read in every window are opened for each reading; of the others a container has at most 5.
 */
const MAX_OPEN = 1024;
const HOLD_MS = 1;
/** Runtimes make a container's folders one after the other: what is missing at first is looked for again. */
const LOOKS = 3;
const LOOK_EVERY = 60;
/** One page is what the kernel gives per read; memory.stat of v2 is 1.5 KB. */
const BUFFER_BYTES = 4096;

const COUNTERS: ReadonlySet<string> = new Set(RESOURCE_COUNTERS);

interface FoundFile {
  readonly file: ResourceFile;
  readonly path: string;
  /** Null: opened for each reading. */
  readonly descriptor: number | null;
}

interface Kept {
  readonly subject: Subject;
  totals: Totals;
  files: FoundFile[];
  /** Readings so far. */
  age: number;
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

export class ResourceReader {
  readonly counts: ResourceCounts = { readings: 0, readMs: 0, openFiles: 0, missing: {} };
  private readonly hierarchies: Hierarchies;
  private readonly subjects: () => readonly Subject[];
  private readonly kept = new Map<number, Kept>();
  private readonly buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  private readonly maxOpen: number;
  private closed = false;

  constructor(hierarchies: Hierarchies, subjects: () => readonly Subject[], maxOpen = MAX_OPEN) {
    this.hierarchies = hierarchies;
    this.subjects = subjects;
    this.maxOpen = maxOpen;
  }

  /** One reading of every container that there is now. */
  async read(): Promise<ResourceReading[]> {
    const readings: ResourceReading[] = [];
    const subjects = this.subjects();
    this.drop(subjects);
    let since = performance.now();
    for (const subject of subjects) {
      if (this.closed) break;
      const resources = this.one(subject);
      if (resources !== null) readings.push({ cgroup: subject.cgroup, resources });
      const now = performance.now();
      if (now - since < HOLD_MS) continue;
      this.counts.readMs += now - since;
      await turn();
      since = performance.now();
    }
    this.counts.readMs += performance.now() - since;
    return readings;
  }

  /** Idempotent. */
  close(): void {
    this.closed = true;
    this.drop([]);
  }

  private one(subject: Subject): Resources | null {
    const kept = this.keep(subject);
    if (kept === null) return null;
    if (kept.age < LOOKS || kept.age % LOOK_EVERY === 0) this.open(subject, kept);
    const fresh = this.readFiles(kept);
    if (kept.files.length === 0) return null;
    const began = kept.age === 0 && subject.madeAt !== null ? 0 : null;
    const before = kept.totals;
    kept.totals = { ...before, ...fresh };
    kept.age += 1;
    this.counts.readings += 1;
    return resourcesOf((name) => {
      if (name === 'workingSetBytes') return workingSet(kept.totals);
      if (!COUNTERS.has(name)) return kept.totals[name] ?? null;
      const now = fresh[name] ?? null;
      const then = before[name] ?? began;
      return now === null || then === null ? null : Math.max(0, now - then);
    });
  }

  private keep(subject: Subject): Kept | null {
    const known = this.kept.get(subject.cgroup);
    if (known !== undefined) return known;
    if (this.kept.size >= MAX_CONTAINERS) {
      this.miss('too-many');
      return null;
    }
    const fresh: Kept = { subject, totals: {}, files: [], age: 0 };
    this.kept.set(subject.cgroup, fresh);
    return fresh;
  }

  /** Opens what is not open yet. */
  private open({ path }: Subject, kept: Kept): void {
    const folders = new Map<Hierarchy, string | null>();
    const folderIn = foldersOf(this.hierarchies, path);
    for (const file of FILES) {
      const hierarchy = this.hierarchies[file.controller];
      if (hierarchy?.version !== file.version || kept.files.some((open) => open.file === file)) continue;
      if (file.without !== undefined && !this.lacks(kept, file.without)) continue;
      if (!folders.has(hierarchy)) folders.set(hierarchy, folderIn(hierarchy));
      const folder = folders.get(hierarchy) ?? null;
      const found = folder === null ? null : this.find(folder, file);
      if (found !== null) kept.files.push(found);
      else if (folder === null) this.miss('no-folder');
    }
  }

  /** Whether v1 has the controller and the container no folder there, however often it was looked for. */
  private lacks({ age, files }: Kept, controller: Controller): boolean {
    if (this.hierarchies[controller]?.version !== 1 || age < LOOKS - 1) return false;
    return files.every(({ file }) => file.controller !== controller);
  }

  private find(folder: string, file: ResourceFile): FoundFile | null {
    let reason = 'no-file';
    for (const name of file.names) {
      const path = join(folder, name);
      try {
        const descriptor = openSync(path, 'r');
        if (file.every > 1 && this.counts.openFiles >= this.maxOpen) {
          closeSync(descriptor);
          return { file, path, descriptor: null };
        }
        this.counts.openFiles += 1;
        return { file, path, descriptor };
      } catch (error) {
        if (codeOf(error) === 'EMFILE' || codeOf(error) === 'ENFILE') reason = 'descriptors';
        else if (codeOf(error) !== 'ENOENT') reason = 'unreadable';
      }
    }
    this.miss(reason);
    return null;
  }

  private textOf({ path, descriptor }: FoundFile): string {
    const from = descriptor ?? openSync(path, 'r');
    try {
      return this.buffer.toString('latin1', 0, readSync(from, this.buffer, 0, BUFFER_BYTES, 0));
    } finally {
      if (descriptor === null) closeSync(from);
    }
  }

  /** Reads the files whose turn it is; one that cannot be read is closed, and all of them once the cgroup is gone. */
  private readFiles(kept: Kept): Totals {
    const fresh: Totals = {};
    // Not all containers' slow files in one window.
    const turn = kept.age === 0 ? 0 : kept.age + kept.subject.cgroup;
    for (const open of kept.files) {
      if (turn % open.file.every !== 0) continue;
      try {
        open.file.read(this.textOf(open), fresh);
      } catch (error) {
        this.unreadable(open, kept, error);
        if (kept.files.length === 0) return {};
      }
    }
    return fresh;
  }

  private unreadable(open: FoundFile, kept: Kept, error: unknown): void {
    kept.totals = {}; // what is not read again is not known
    // The cgroup was removed, and its other files with it. Pressure that is switched off answers EOPNOTSUPP.
    const gone = codeOf(error) === 'ENODEV' || codeOf(error) === 'ENOENT';
    if (!gone) this.miss('unreadable');
    const shut = gone ? kept.files : [open];
    for (const one of shut) this.shut(one);
    kept.files = kept.files.filter((one) => !shut.includes(one));
  }

  /** Lets go of all but these; an id that is used again is another container. */
  private drop(living: readonly Subject[]): void {
    const byCgroup = new Map(living.map((subject) => [subject.cgroup, subject]));
    for (const [cgroup, { subject, files }] of this.kept) {
      const now = byCgroup.get(cgroup);
      if (now?.path === subject.path && now.madeAt === subject.madeAt) continue;
      for (const file of files) this.shut(file);
      this.kept.delete(cgroup);
    }
  }

  private shut({ descriptor }: FoundFile): void {
    if (descriptor === null) return;
    closeSync(descriptor);
    this.counts.openFiles -= 1;
  }

  private miss(reason: string): void {
    this.counts.missing[reason] = (this.counts.missing[reason] ?? 0) + 1;
  }
}

/** As kubelet and cAdvisor have it: memory without page cache that can be dropped. */
function workingSet({ memoryBytes, inactiveFileBytes }: Totals): number | null {
  const [all, cache] = [memoryBytes ?? null, inactiveFileBytes ?? null];
  return all === null || cache === null ? null : Math.max(0, all - cache);
}
