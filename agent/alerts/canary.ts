/**
 * The canary: a harmless program that the agent starts to prove that it sees. Its verdict is made where all verdicts are made,
 * and then it is nobody's: not learnt, in no window, no part of an alert. Only one record is let pass so: the exec that
 * bears the nonce of the one that is awaited, of a child of the agent's own process. A nonce is good once, so that who
 * reads it from the process's arguments comes too late, and nobody else can be a child of the agent. Where the kernel does
 * not say by which number the agent stands in the records (0) the nonce alone proves it.
 */
import { hash } from 'node:crypto';
import type { Event, ExecEvent } from '../events/event.ts';
import { CANARY, type Frame, type SlotTick, type Tick } from '../events/frame.ts';
import { callIds } from '../features/call-ids.ts';
import { type Architecture, syscallName } from '../features/syscalls.ts';
import type { Container } from '../identity/container.ts';
import { ALERT_LOG_SCHEMA, containerFields } from './detection.ts';

export type CanaryFrame = Extract<Frame, { kind: 'canary' }>;

export interface Canary {
  readonly id: string;
  readonly pid: number;
  /** In its own pid namespace, which is the agent's. */
  readonly innerPid: number;
  /** CLOCK_BOOTTIME of the kernel's record, ns. */
  readonly timeNs: bigint;
  readonly container: Container;
}

/** Known before it is seen; the nonce itself goes nowhere. */
export const canaryId = (nonce: string): string => `can-${hash('sha256', nonce).slice(0, 20)}`;

/** Ticks that its counts may stand in: it is made at the beginning of a window, and a busy machine is late. */
const TICKS = 2;

/** What the program and its start add to the counts of the slot that the agent is in. */
interface Traces {
  /** Numbers of its calls, once each. */
  readonly calls: readonly number[];
  /** Numbers of the call that made the process and of the first that it made, and the pair that they are. */
  readonly made: number;
  readonly first: number;
  readonly pair: number;
}

function tracesOf(architecture: Architecture): Traces {
  const numbers = Array.from({ length: 512 }, (_, number) => number);
  const number = (name: string): number =>
    numbers.find((one) => syscallName(architecture, one) === name) ?? -1;
  const ids = callIds(architecture);
  // vfork(2) of arm64's C library is clone(2).
  const [made, first] = [number(architecture === 'x64' ? 'vfork' : 'clone'), number('execve')];
  const pair = (ids[made] ?? 0) * 256 + (ids[first] ?? 0);
  return { calls: [first, number('exit_group')], made, first, pair };
}

function isChild(event: Event, awaited: CanaryFrame): event is ExecEvent {
  return (
    event.kind === 'exec' &&
    event.exe === CANARY &&
    (awaited.parent === 0 || event.process.parentPid === awaited.parent) &&
    event.args.length === 2 &&
    event.args[1] === awaited.nonce
  );
}

export class CanaryJudge {
  readonly #traces: Traces;
  #awaited: CanaryFrame | null = null;
  /** The process of the last one that was seen, until its end. */
  #process: { readonly pid: number; readonly start: bigint } | null = null;
  /** Whose counts it stands in, and in how many ticks to come. */
  #owed: { readonly slot: number; readonly ticks: number } | null = null;

  constructor(architecture: Architecture) {
    this.#traces = tracesOf(architecture);
  }

  expect(frame: CanaryFrame): void {
    this.#awaited = frame;
  }

  /** The canary itself; `'its'` for what else a process of it tells; null for what is to be judged like everything. */
  judge(event: Event, container: Container): Canary | 'its' | null {
    const awaited = this.#awaited;
    if (awaited !== null && isChild(event, awaited)) {
      const { pid, start } = event.process;
      this.#awaited = null;
      this.#process = { pid, start };
      this.#owed = { slot: event.slot, ticks: TICKS };
      const { innerPid, time: timeNs } = event;
      return { id: canaryId(awaited.nonce), pid, innerPid, timeNs, container };
    }
    return this.#isIts(event) ? 'its' : null;
  }

  /** Its end, and the pair of its start. Whatever else a process of that number did is judged. */
  #isIts(event: Event): boolean {
    if (event.process.pid !== this.#process?.pid || event.process.start !== this.#process.start) return false;
    const { made, first } = this.#traces;
    return (
      event.kind === 'exit' || (event.kind === 'pair' && event.previous === made && event.current === first)
    );
  }

  /** The tick without what the canary adds to it. */
  without(tick: Tick): Tick {
    const owed = this.#owed;
    if (owed === null) return tick;
    const at = tick.slots.findIndex(({ slot }) => slot === owed.slot);
    const found = tick.slots[at];
    if (found === undefined || found.execs === 0) {
      this.#owed = owed.ticks > 1 ? { ...owed, ticks: owed.ticks - 1 } : null;
      return tick;
    }
    this.#owed = null;
    return { ...tick, slots: tick.slots.with(at, this.#less(found)) };
  }

  #less(slot: SlotTick): SlotTick {
    const { calls, pair } = this.#traces;
    const left = slot.numbers.map((number, index) => ({
      number,
      count: (slot.counts[index] ?? 0) - Number(calls.includes(number)),
    }));
    const kept = left.filter(({ count }) => count > 0);
    return {
      ...slot,
      numbers: kept.map(({ number }) => number),
      counts: kept.map(({ count }) => count),
      execs: slot.execs - 1,
      exits: Math.max(0, slot.exits - 1),
      pairs: slot.pairs.filter((one) => one !== pair),
    };
  }
}

/** The canary as the object of one line of the alert log. */
export function canaryLine(
  { id, pid, timeNs, container }: Canary,
  { wallMs, node, cluster }: { wallMs: number; node: string; cluster: string },
): Record<string, unknown> {
  return {
    schema: ALERT_LOG_SCHEMA,
    kind: 'canary',
    id,
    time: new Date(wallMs).toISOString(),
    boot_ns: String(timeNs),
    node,
    cluster,
    pid,
    summary: 'The agent saw the program that it started to be seen.',
    container: containerFields(container),
  };
}
