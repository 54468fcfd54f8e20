/**
 * The runs of one job: how long they take, at which times they begin, how they end. Of n runs none took as long as this
 * one does: for runs that could have come in any order the chance is at most 1/(n + 1) (the p-value of conformal prediction:
 * V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005), and the score is 1 less that. A margin of MARGIN
 * beyond the longest keeps out what differs by little. The same of runs that do not finish, where nearly all did.
 *
 * A schedule is a period P, the median time between two begins, where most intervals are a multiple of it: runs that were missed, or
 * that a longer one overlaps, are on it too. A job without one is never off it.
 *
 * What was called strange is learnt once LET_IN runs in a row were: it is the job's new habit then. Bounded: KEPT numbers each.
 */
import type { Detector, Part, Score } from './detector.ts';

export interface Run {
  /** Unix time, ms. */
  readonly startMs: number;
  /** So far, or of the whole run. */
  readonly lifetimeMs: number;
  /** Null: it is not over, or how it ended is not known. */
  readonly finished: boolean | null;
}

/** Runs before anything is said. */
export const ENOUGH_RUNS = 5;
const KEPT = 64;
const LET_IN = 5;
const MARGIN = 1.5;
/** Beyond the longest, at least: starts are seconds late on a busy node. */
const LEAST_MARGIN_MS = 10_000;
/** Of the period: within it a begin is on schedule; and at least so long. */
const TOLERANCE = 0.1;
const LEAST_TOLERANCE_MS = 5_000;
/** Of the intervals, that a schedule explains. */
const MOST = 0.8;
/** Of the runs, that finished where not finishing is strange. */
const FINISHED = 0.9;
const YEAR_MS = 366 * 86_400_000;

const round = (ms: number): number => Math.round(Math.min(Math.max(ms, 0), YEAR_MS));
const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;

interface State {
  lifetimes: number[];
  intervals: number[];
  lastMs: number;
  finished: number;
  unfinished: number;
  /** Runs in a row that were strange. */
  strange: number;
}

const NONE: State = { lifetimes: [], intervals: [], lastMs: 0, finished: 0, unfinished: 0, strange: 0 };

export class Runs implements Detector<Run> {
  readonly name = 'job-run';
  readonly maxBytes = 4096;
  #state: State = { ...NONE, lifetimes: [], intervals: [] };

  /** Runs whose lifetime is kept. */
  get count(): number {
    return this.#state.lifetimes.length;
  }

  /** `12 runs learnt, 4.1 s to 9.0 s long, one every 60 s`; empty: of none. */
  describe(): string {
    const { lifetimes } = this.#state;
    if (lifetimes.length === 0) return 'no run of it is known yet';
    const period = this.#period();
    const every = period === null ? '' : `, one every ${seconds(period)}`;
    const [least, most] = [Math.min(...lifetimes), Math.max(...lifetimes)];
    return `${lifetimes.length} runs of it are known, ${seconds(least)} to ${seconds(most)} long${every}`;
  }

  learn(run: Run): void {
    const state = this.#state;
    const score = this.score(run);
    const isStrange = score.state === 'scored' && score.score > 0;
    state.strange = isStrange ? state.strange + 1 : 0;
    const startMs = Math.round(Math.max(0, run.startMs)) || 0;
    // The time to the next one is right, whatever this one was.
    const since = startMs - state.lastMs;
    const interval = state.lastMs > 0 && since > 0 && since <= YEAR_MS ? since : null;
    if (startMs > state.lastMs) state.lastMs = Math.min(startMs, Number.MAX_SAFE_INTEGER);
    if (isStrange && state.strange < LET_IN) return;
    if (interval !== null) keep(state.intervals, interval);
    if (Number.isFinite(run.lifetimeMs)) keep(state.lifetimes, round(run.lifetimeMs));
    if (run.finished === true) state.finished += 1;
    if (run.finished === false) state.unfinished += 1;
  }

  score(run: Run): Score {
    const known = this.count;
    if (known < ENOUGH_RUNS) return { state: 'unknown', reason: `${known} of ${ENOUGH_RUNS} runs learnt` };
    const reasons = [this.#tooLong(run), this.#offSchedule(run), this.#unfinished(run)].filter(
      (reason) => reason !== null,
    );
    const score = reasons.length === 0 ? 0 : 1 - 1 / (known + 1);
    const parts = reasons.map((what): Part => ({ what, share: 1 / reasons.length }));
    const reason =
      reasons.length === 0 ? `as ever: ${this.describe()}` : `${reasons.join('; ')}; ${this.describe()}`;
    return { state: 'scored', score, reason, parts };
  }

  save(): State {
    const { lifetimes, intervals, ...rest } = this.#state;
    return { lifetimes: [...lifetimes], intervals: [...intervals], ...rest };
  }

  load(saved: unknown): void {
    const { lifetimes, intervals, lastMs, finished, unfinished, strange } = (saved ?? {}) as Record<
      string,
      unknown
    >;
    const numbers = [lastMs, finished, unfinished, strange];
    if (!areCounts(lifetimes) || !areCounts(intervals) || !areCounts(numbers))
      throw new TypeError('not saved runs');
    const [last = 0, done = 0, undone = 0, row = 0] = numbers;
    this.#state = {
      lifetimes: lifetimes.slice(-KEPT),
      intervals: intervals.slice(-KEPT),
      lastMs: last,
      finished: done,
      unfinished: undone,
      strange: row,
    };
  }

  #tooLong({ lifetimeMs }: Run): string | null {
    const longest = Math.max(...this.#state.lifetimes);
    const most = Math.max(longest * MARGIN, longest + LEAST_MARGIN_MS);
    return lifetimeMs > most
      ? `it takes ${seconds(lifetimeMs)}, and none took longer than ${seconds(longest)}`
      : null;
  }

  #offSchedule({ startMs }: Run): string | null {
    const period = this.#period();
    const { lastMs } = this.#state;
    if (period === null || lastMs === 0 || startMs <= lastMs) return null;
    return isOn(startMs - lastMs, period)
      ? null
      : `it began ${seconds(startMs - lastMs)} after the one before, which is off its schedule`;
  }

  #unfinished({ finished }: Run): string | null {
    const { finished: done, unfinished } = this.#state;
    const usual = done + unfinished >= ENOUGH_RUNS && done >= FINISHED * (done + unfinished);
    return finished === false && usual
      ? `it did not finish, which ${done} of ${done + unfinished} did`
      : null;
  }

  /** Of its schedule, ms; null: it has none. */
  #period(): number | null {
    const { intervals } = this.#state;
    if (intervals.length < ENOUGH_RUNS) return null;
    const period = intervals.toSorted((a, b) => a - b)[intervals.length >> 1] ?? 0;
    const on = intervals.filter((interval) => isOn(interval, period)).length;
    return period > 2 * LEAST_TOLERANCE_MS && on >= MOST * intervals.length ? period : null;
  }
}

/** Whether it is a multiple of the period, give or take. */
function isOn(interval: number, period: number): boolean {
  if (period <= 0) return false;
  const times = Math.max(1, Math.round(interval / period));
  return Math.abs(interval - times * period) <= Math.max(LEAST_TOLERANCE_MS, TOLERANCE * period);
}

function keep(values: number[], value: number): void {
  values.push(value);
  if (values.length > KEPT) values.shift();
}

const areCounts = (values: unknown): values is number[] =>
  Array.isArray(values) && values.every((value) => Number.isSafeInteger(value) && (value as number) >= 0);
