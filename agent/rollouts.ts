/** What is told of the versions of a workload's image as its windows end: each rollout once, and each way back. */
import type { When } from './case.ts';
import type { Baseline } from './models/baseline.ts';
import type { Verdicts } from './verdicts.ts';
import type { Watched } from './watched.ts';

export class Rollouts {
  readonly #verdicts: Pick<Verdicts, 'change' | 'returned'>;

  constructor(verdicts: Pick<Verdicts, 'change' | 'returned'>) {
    this.#verdicts = verdicts;
  }

  /** Nothing of the version in force runs any more, and what does was there before it. To be asked before its window is learnt. */
  returned(watched: Watched, { versions, workload }: Baseline, all: Iterable<Watched>, when: When): void {
    const version = versions.of(watched.container.identity.imageDigest);
    const { current } = versions;
    if (version === null || current === null || version === current) return;
    for (const { container } of all) {
      const { identity } = container;
      if (identity.workload === workload && identity.imageDigest === current.digest) return;
    }
    versions.returned(version);
    this.#verdicts.returned(watched, { from: current.digest, periods: version.periods }, when);
  }

  /** One report on a version once it is judged by itself; later ones only where more has faded since. */
  report(watched: Watched, baseline: Baseline, when: When): void {
    const { versions } = baseline;
    const version = versions.of(watched.container.identity.imageDigest);
    if (version === null || !versions.isDue(version)) return;
    const change = baseline.changes(version.digest);
    if (change === null) return;
    const isFirst = versions.isFirstReport(version);
    const more = change.stopped.length > version.faded;
    versions.reported(version, change.stopped.length);
    if (isFirst || more) this.#verdicts.change(watched, change, when);
  }
}
