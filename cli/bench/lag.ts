/**
 * Time from an action in a container to its line on the agent's output, read: until then the reader waits for a CPU as any
 * other process does. What it then takes to cut its input into lines is not counted, nor is it of those that are compared.
 */
import type { ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Container, makeContainer } from './container.ts';
import { type Known, startGuard } from './guard.ts';
import { LOAD_NAMES, readFileIn, runLoad, startLoad } from './load.ts';
import type { Bench, Figure, Measured, Measurement } from './measurement.ts';
import { OF_LAG } from './peers.ts';
import { spread } from './summary.ts';

const PATH = '/etc/shadow';
const GAP_MS = 200;
const GIVEN_UP_MS = 3000;

/** Lines of the agent; when they came is told on CLOCK_MONOTONIC, ns. */
class Lines {
  private readonly waiting: { take: ((at: bigint | null) => void) | null } = { take: null };

  readonly onLine = (line: string, at: bigint): void => {
    if (!line.includes('"kind":"detection"') || !line.includes(PATH)) return;
    this.waiting.take?.(at);
  };

  /** When the next detection of the file came, or null. */
  async next(act: () => Promise<bigint>): Promise<number | null> {
    const came = new Promise<bigint | null>((resolve) => {
      this.waiting.take = resolve;
    });
    const began = await act();
    const late = setTimeout(() => this.waiting.take?.(null), GIVEN_UP_MS);
    const at = await came;
    clearTimeout(late);
    this.waiting.take = null;
    return at === null ? null : Number(at - began) / 1e6;
  }
}

type Lags = readonly (number | null)[];

async function lags(bench: Bench, container: Container, lines: Lines): Promise<Lags> {
  const found: (number | null)[] = [];
  for (let i = 0; i < (bench.quick ? 10 : 40); i++) {
    bench.signal.throwIfAborted();
    found.push(await lines.next(() => readFileIn(bench, container, PATH)));
    await sleep(GAP_MS + ((i * 7) % 31)); // not in step with the agent's own timers
  }
  return found;
}

async function saturated(bench: Bench, busy: Container, measure: () => Promise<Lags>): Promise<Lags> {
  const last = cpus().length - 1;
  const loads: ChildProcess[] = [0, last].map((cpu) =>
    startLoad(bench, { container: busy, cpu, load: 'file' }),
  );
  try {
    await sleep(500);
    return await measure();
  } finally {
    await Promise.all(
      loads.map((load) => {
        const ended = new Promise((resolve) => load.once('exit', resolve));
        load.kill('SIGKILL');
        return ended;
      }),
    );
  }
}

function figureOf(
  when: string,
  found: Lags,
  [median, max]: readonly [number, number],
  others: string,
): Figure {
  const came = found.filter((lag) => lag !== null);
  const missed = found.length - came.length;
  const s = came.length === 0 ? null : spread(came);
  return {
    what: `action to alert line, ${when}`,
    here:
      s === null
        ? `none of ${missed} came`
        : `${s.median.toFixed(1)} ms (${s.min.toFixed(1)}–${s.max.toFixed(1)}, n ${s.n}), missed ${missed}`,
    target: `≤ ${median} ms, max ≤ ${max}, none missed`,
    holds: s !== null && missed === 0 && s.median <= median && s.max <= max,
    others,
  };
}

async function run(bench: Bench): Promise<Measured> {
  const [quiet, busy] = [makeContainer(3), makeContainer(4)];
  const lines = new Lines();
  const work = async (): Promise<void> => {
    for (const load of LOAD_NAMES) await runLoad(bench, { container: busy, cpu: 0, load, repeats: 1 });
  };
  const known: Known = { containers: [busy], work };
  try {
    const agent = await startGuard(bench, known, {
      settings: { 'alert-log-stdout': 'true' },
      onLine: lines.onLine,
    });
    try {
      bench.progress('lag: idle');
      const idle = await lags(bench, quiet, lines);
      bench.progress('lag: under two file loads');
      const loaded = await saturated(bench, busy, () => lags(bench, quiet, lines));
      const figures = [
        figureOf('idle', idle, [1.5, 10], OF_LAG.idle),
        figureOf('under two file loads', loaded, [5, 50], OF_LAG.saturated),
      ];
      return { figures, values: { idle, loaded } };
    } finally {
      await agent.stop();
    }
  } finally {
    await quiet.remove();
    await busy.remove();
  }
}

export const lag: Measurement = {
  name: 'lag',
  sentence:
    'Time from a read of /etc/shadow in a container to the alert line, idle and under two file loads.',
  run,
};
