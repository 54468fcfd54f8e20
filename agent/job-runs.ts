/** The runs of jobs as their containers come and go: each is compared with those before, and learnt when it is over. */
import { judgeRun } from './alerts/job.ts';
import type { Verdict } from './alerts/judge.ts';
import type { When } from './case.ts';
import type { Ended } from './identity/lives.ts';
import type { Baseline } from './models/baseline.ts';
import type { Run } from './models/runs.ts';
import { isJob } from './situation/jobs.ts';
import type { Watched } from './watched.ts';

export interface JobRunsParts {
  /** How the container ended, as far as was seen. */
  readonly endedOf: (container: Watched['container']) => Ended;
  readonly wallOf: (timeNs: bigint) => number;
  readonly steps: (watched: Watched) => number;
  readonly tell: (watched: Watched, verdict: Verdict, when: When) => void;
}

export class JobRuns {
  readonly #parts: JobRunsParts;

  constructor(parts: JobRunsParts) {
    this.#parts = parts;
  }

  /** Its window ends; `gone`: the container did. A run that was there before us has no known begin. */
  end(watched: Watched, baseline: Baseline, { gone, when }: { gone: boolean; when: When }): void {
    const { container } = watched;
    const { madeAt, identity } = container;
    if (madeAt === null || !isJob(identity)) return;
    const run = this.#runOf(watched, madeAt, { gone, when });
    const score = baseline.runs.score(run);
    if (score.state === 'scored' && score.parts.length > watched.runReasons) {
      watched.runReasons = score.parts.length;
      const { workload } = baseline;
      const steps = this.#parts.steps(watched);
      this.#parts.tell(watched, judgeRun({ workload, score, steps }), when);
    }
    if (gone && !baseline.pinned) baseline.runs.learn(run);
  }

  #runOf({ container }: Watched, madeAt: bigint, { gone, when }: { gone: boolean; when: When }): Run {
    const ended = gone ? this.#parts.endedOf(container) : null;
    const status = ended?.status ?? null;
    return {
      startMs: this.#parts.wallOf(madeAt),
      lifetimeMs: ended?.lifetimeMs ?? Number((when.timeNs - madeAt) / 1_000_000n),
      finished: ended === null || status === null ? null : status === 0 && !ended.oom,
    };
  }
}
