/**
 * Tries at the doors of one container: those of the window that ends, and what is left of those before. A span's sum loses a
 * part with each window, as if tries were forgotten evenly: no list of them is kept.
 *
 * Tries go on for minutes. They are told after one, two, four minutes, as long as the window itself brought some, and each
 * time they are evidence with all bits told before: what is tried anew is new evidence. So who is patient comes to an alert as
 * well. Without some new tries nothing is: what is left in the sums of who was told is no second sign of him.
 */
import { ACCESS, judgeAccess, type ManyTries } from './alerts/access.ts';
import type { Verdict } from './alerts/judge.ts';
import type { Event, ExitEvent, Flow, FlowEvent } from './events/event.ts';
import type { Fact } from './features/fact.ts';
import { type Tried, Tries } from './features/tries.ts';
import type { Window } from './features/window.ts';
import { type KnownProcess, processKey } from './identity/processes.ts';
import { type AccessLearnt, bitsOfAccess } from './models/access/access.ts';
import { type DoorKind, type DoorNow, SPANS } from './models/access/door.ts';
import type { Baseline } from './models/baseline.ts';
import type { Judging, WindowDetector } from './window-detector.ts';

/** One block in 256: from there on it is told, and learnt one time in so many, as tries that go on would teach themselves. */
const TOLD_BITS = 8;
const GUARD_SHARE = 10;
/** Told again no sooner, and each time after twice as long, up to an hour. After three times that they are others. */
const AGAIN_NS = 60_000_000_000n;
const MOST_AGAIN_NS = 60n * AGAIN_NS;
/** Periods in which a peer must have been seen to be known. */
const USUAL = 2;
/** Doors with something left of their sums, and ends that were found silent; further ones are not told apart. */
const MAX_DOORS = 128;
const MAX_ENDS = 1024;
/** Processes that asked to be let in somewhere. */
const MAX_ASKING = 256;
/** A program that ran for longer did what it was meant to. */
const SHORT_NS = 30_000_000_000n;
const LEAST_SUM = 0.5;
/** So many new tries, of runs that failed the fewest that are told at all. */
const FRESH = 4;
const SHORTEST_NS = 1_000_000_000n;

const NOBODY = { who: '', peer: '', by: null };

interface DoorSums {
  readonly kind: DoorKind;
  readonly name: string;
  readonly sums: number[];
  /** Tries since it was told. */
  fresh: number;
  /** Highest sums of the open block of each span. */
  readonly peaks: number[];
  tries: number;
  bytes: number;
  short: number;
  /** Who tried most. */
  peer: string;
  most: number;
}

const keyOf = ({ kind, name }: Pick<DoorNow, 'kind' | 'name'>): string => `${kind} ${name}`;

export class Attempts implements WindowDetector {
  readonly name = ACCESS;
  /** It looks at each door by itself. */
  readonly bits = null;
  #tries = new Tries();
  readonly #doors = new Map<string, DoorSums>();
  #silent = new Set<string>();
  /** Processes that connected somewhere or were given another identity as they began. */
  readonly #asking = new Set<string>();
  /** Peer → who called it first in this window. */
  #callers = new Map<string, FlowEvent>();
  /** Of the window that was judged last, until it is settled. */
  #now: { readonly seconds: number; readonly doors: readonly DoorNow[] } | null = null;
  /** Seconds of the open block of each span. */
  readonly #elapsed: number[] = SPANS.map(() => 0);
  #withheld = 0;
  #toldNs: bigint | null = null;
  #pauseNs = AGAIN_NS;
  /** Bits of the tries that go on, told so far. */
  #run = 0;

  flow(flow: Flow, fact: Fact, baseline: Baseline): void {
    this.#tries.flow(flow, fact, flow.direction === 'connect' && baseline.seen(fact) < USUAL);
  }

  /** What makes a process's failure a refusal: it called somebody, took another identity, or serves for one that listens. */
  event(event: Event): void {
    // Files that were found shut are what doors-tried counts.
    if (event.kind === 'action' && event.refused && event.action !== 'open-failed') this.#tries.refused += 1;
    if (!asksToBeLetIn(event)) return;
    if (event.kind === 'flow' && this.#callers.size < MAX_ASKING && !this.#callers.has(event.peer))
      this.#callers.set(event.peer, event);
    const [oldest] = this.#asking;
    if (this.#asking.size >= MAX_ASKING && oldest !== undefined) this.#asking.delete(oldest);
    this.#asking.add(processKey(event.process.pid, event.process.start));
  }

  /** A process of the workload ended. What a server forks for each client ends as that one wishes: only programs are counted. */
  ended(event: ExitEvent, process: KnownProcess | undefined): void {
    const asked = this.#asking.delete(processKey(event.process.pid, event.process.start));
    const failed = (event.status & 0x7f) === 0 && event.status >> 8 !== 0;
    if (asked && failed && process?.execAt != null && event.time - event.process.start < SHORT_NS)
      this.#tries.failed(process.exe);
  }

  end({ startNs, endNs }: Window, { baseline, steps, host }: Judging): Verdict[] {
    if (host || endNs - startNs < SHORTEST_NS) return [];
    const seconds = Number(endNs - startNs) / 1e9;
    this.#add(baseline, seconds);
    const doors = [...this.#doors.values()].map(doorNow);
    this.#now = { seconds, doors };
    // Only what goes on: the sums of a minute outlive the tries.
    const tried = [...this.#doors.values()].filter(({ sums, fresh }) => (sums[0] ?? 0) > 0 && fresh >= FRESH);
    const active = { doors: tried.map(doorNow) };
    const { access, workload } = baseline;
    const score = access.score(active);
    if (score.state === 'unknown' || !this.#isDue(bitsOfAccess(score.score), endNs)) return [];
    const door = access.strangest(active);
    for (const one of tried) one.fresh = 0;
    const who = door === null ? NOBODY : this.#who(door);
    return [judgeAccess({ score, bits: this.#run, ...who, workload, learnt: access.learnt, steps })];
  }

  settle(baseline: Baseline, clean: boolean): null {
    const now = this.#now;
    this.#tries = new Tries();
    this.#callers = new Map();
    this.#now = null;
    if (clean && now !== null && !baseline.pinned) baseline.access.learn(this.#learnt(now, baseline));
    return null;
  }

  /** Whether it is to be told now; then its bits are added to those of the run. */
  #isDue(bits: number, nowNs: bigint): boolean {
    const toldNs = this.#toldNs;
    if (bits < TOLD_BITS || (toldNs !== null && nowNs - toldNs < this.#pauseNs)) return false;
    const goesOn = toldNs !== null && nowNs - toldNs < 3n * this.#pauseNs;
    const longer = 2n * this.#pauseNs;
    this.#run = goesOn ? this.#run + bits : bits;
    this.#pauseNs = goesOn ? (longer < MOST_AGAIN_NS ? longer : MOST_AGAIN_NS) : AGAIN_NS;
    this.#toldNs = nowNs;
    return true;
  }

  /** Of each block that ends its highest sums; only clean windows make up a block. */
  #learnt(
    { seconds, doors }: { seconds: number; doors: readonly DoorNow[] },
    { access }: Baseline,
  ): AccessLearnt {
    const ended = SPANS.map((span, i) => {
      const elapsed = (this.#elapsed[i] ?? 0) + seconds;
      this.#elapsed[i] = elapsed >= span ? 0 : elapsed;
      return elapsed >= span;
    });
    const peaked = doors.map((door) => {
      const peaks = this.#doors.get(keyOf(door))?.peaks ?? [];
      const highest = door.sums.map((sum, i) => Math.max(sum, peaks[i] ?? 0));
      for (const i of SPANS.keys()) peaks[i] = ended[i] ? 0 : (highest[i] ?? 0);
      const learnt = { ...door, sums: highest.map((sum, i) => (ended[i] ? sum : 0)) };
      return this.#mayLearn(access.bits(learnt)) ? learnt : { ...learnt, sums: [] };
    });
    return { ended, doors: peaked };
  }

  #mayLearn(bits: number): boolean {
    if (bits < TOLD_BITS) return true;
    this.#withheld += 1;
    return this.#withheld % GUARD_SHARE === 0;
  }

  /** Who tries most: the peer, and of calls the process that makes them. */
  #who(door: DoorNow): Pick<ManyTries, 'who' | 'peer' | 'by'> {
    const end = this.#doors.get(keyOf(door))?.peer ?? '';
    if (end === '') return NOBODY;
    if (door.kind === 'accept') return { who: `most of them from ${end}`, peer: end, by: null };
    const peer = door.kind === 'scan' ? end.slice(0, end.lastIndexOf(':')) : end;
    const by = this.#callers.get(peer) ?? null;
    const caller = by === null || by.exe === '' ? '' : ` by ${by.exe}`;
    return { who: `most of them to ${end}${caller}`, peer, by };
  }

  /** The window's tries into the sums. */
  #add({ access }: Baseline, seconds: number): void {
    for (const door of this.#doors.values()) forget(door, seconds);
    const { tried, failures, refused } = this.#tries;
    for (const one of tried) this.#count(one, access.cutShort(one.kind, one.name, one));
    const none = { name: '', peer: '', tries: 0, bytes: 0 };
    for (const [name, count] of failures) this.#count({ ...none, kind: 'failed', name }, count);
    const fresh = this.#freshEnds();
    if (fresh.length > 0) this.#count({ ...none, kind: 'scan', peer: fresh[0] ?? '' }, fresh.length);
    if (refused > 0) this.#count({ ...none, kind: 'refused' }, refused);
    for (const [key, door] of this.#doors) {
      const { kind, name, tries, short, sums, peaks } = door;
      const beyond = Math.max(0, short - access.ordinary(kind, name, tries));
      for (const i of SPANS.keys()) sums[i] = (sums[i] ?? 0) + beyond;
      door.fresh += beyond;
      if (tries === 0 && Math.max(...sums, ...peaks) < LEAST_SUM) this.#doors.delete(key);
    }
  }

  /** Ends that did not answer, and were not among those of the windows before. */
  #freshEnds(): string[] {
    const fresh = [...this.#tries.silent].filter((end) => !this.#silent.has(end));
    if (this.#silent.size + fresh.length > MAX_ENDS) this.#silent = new Set();
    for (const end of fresh) this.#silent.add(end);
    return fresh;
  }

  #count(of: Omit<Tried, 'kind'> & { readonly kind: DoorKind }, short: number): void {
    const { kind, name, peer, tries, bytes } = of;
    const known = this.#doors.get(keyOf(of));
    if (known === undefined && this.#doors.size >= MAX_DOORS) return;
    const [sums, peaks] = [SPANS.map(() => 0), SPANS.map(() => 0)];
    const door = known ?? { kind, name, peer, sums, peaks, fresh: 0, tries: 0, bytes: 0, short: 0, most: 0 };
    door.tries += tries;
    door.bytes += bytes;
    door.short += short;
    if (short > door.most) [door.peer, door.most] = [peer, short];
    this.#doors.set(keyOf(of), door);
  }
}

/** A window has passed. */
function forget(door: DoorSums, seconds: number): void {
  for (const [i, span] of SPANS.entries())
    door.sums[i] = span === 0 ? 0 : (door.sums[i] ?? 0) * Math.exp(-seconds / span);
  door.tries = 0;
  door.bytes = 0;
  door.short = 0;
  door.most = 0;
}

function doorNow({ kind, name, sums, tries, bytes, short }: DoorSums): DoorNow {
  return { kind, name, sums: [...sums], tries, short, bytes: tries === 0 ? null : bytes / tries };
}

/** A server that starts itself anew, or a part of it by a longer name, for each who comes. */
const isOwnChild = ({ exe, parentExe }: Extract<Event, { kind: 'exec' }>): boolean =>
  parentExe !== '' && exe.startsWith(parentExe);

function asksToBeLetIn(event: Event): boolean {
  if (event.kind === 'flow') return event.direction === 'connect' && event.process.pid !== 0;
  if (event.kind === 'action') return event.action === 'exec-id';
  return event.kind === 'exec' && isOwnChild(event);
}
