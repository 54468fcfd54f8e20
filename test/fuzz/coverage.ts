/** Which blocks of some files ran, from V8's own block coverage of this process. */
import { type Profiler, Session } from 'node:inspector';

export class Coverage {
  /** `file start-end` of blocks that have run. */
  readonly blocks = new Set<string>();
  private readonly session = new Session();
  private readonly files: RegExp;

  /** @param files Which script addresses count. */
  constructor(files: RegExp) {
    this.files = files;
    this.session.connect();
    this.session.post('Profiler.enable');
    this.on();
  }

  on(): void {
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Without it everything runs many times as fast. */
  off(): void {
    this.session.post('Profiler.stopPreciseCoverage');
  }

  /** Takes what ran since the last time; how many blocks were new. */
  take(): number {
    const before = this.blocks.size;
    // The answer comes within the call: the session is of this very thread.
    this.session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      for (const { url, functions } of answer.result) if (this.files.test(url)) this.add(url, functions);
    });
    return this.blocks.size - before;
  }

  /** As if only these had run. */
  forget(known: ReadonlySet<string>): void {
    for (const block of this.blocks) if (!known.has(block)) this.blocks.delete(block);
  }

  close(): void {
    this.off();
    this.session.disconnect();
  }

  private add(url: string, functions: readonly Profiler.FunctionCoverage[]): void {
    for (const { ranges } of functions)
      for (const { startOffset, endOffset, count } of ranges)
        if (count > 0) this.blocks.add(`${url.slice(url.lastIndexOf('/') + 1)} ${startOffset}-${endOffset}`);
  }
}
