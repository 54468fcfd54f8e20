/**
 * What is outside everything learnt: a workload that the node never saw, once its learning is over, and a container that
 * begins with nothing of what its workload is known for. Each is one verdict and no flood, an alarm that counts in the
 * achieved rate; what follows from it says the verdict itself (alerts/unknown.ts). That a job runs here for the first time is
 * how jobs are: it is an alarm once it reaches whom or what nobody here does.
 */
import { LOOPBACK } from './alerts/judge.ts';
import { isWorkload } from './alerts/session.ts';
import { deedsOf, judgeNewcomer, judgeUnlike } from './alerts/unknown.ts';
import type { Situations } from './case.ts';
import { registeredDomain } from './features/dns-name.ts';
import { type Fact, type FactKind, factKey } from './features/fact.ts';
import { type Container, isNameless, UNLISTED } from './identity/container.ts';
import type { Baseline } from './models/baseline.ts';
import type { Registry } from './models/registry.ts';
import { isJob } from './situation/jobs.ts';
import type { Telling } from './telling.ts';
import { START_NS, type Watched } from './watched.ts';

export interface NewcomersParts {
  readonly registry: Registry;
  readonly situations: Situations;
  readonly telling: Pick<Telling, 'found'>;
  readonly learnWindows: number;
  readonly matureWindows: number;
}

interface Told {
  readonly atNs: bigint;
  readonly alert: boolean;
  /** A job that alerted nobody for what it had reached until then. */
  readonly waits: boolean;
}

const DAY_NS = 86_400_000_000_000n;
/** Told as alerts within a day; with more of them newcomers are what is usual here, as where jobs of people run. */
const MOST_TODAY = 3;
/** Images, and workloads told, that are remembered; the oldest leave. As many as there are baselines. */
const MAX_KNOWN = 2048;
/** Of the other workloads so many are known well before a new one is news. */
const KNOWN_SHARE = 1 / 2;
/** A start is like none when it brings so many things, of so many kinds, and of what it does so little is known. */
const LEAST_FRESH = 8;
const LEAST_KINDS = 3;
const KNOWN_OF_FRESH = 1 / 4;
/** Kinds that are told each time they come, also of what is known; system calls all programs have in common. */
const ALWAYS_TOLD: ReadonlySet<FactKind> = new Set(['exec', 'file', 'connect', 'accept', 'name']);
/** What is merely new in it stands under its one verdict for so long. */
const FOLDED_MINUTES = 5;
const FOLDED_NS = BigInt(FOLDED_MINUTES) * 60_000_000_000n;

export class Newcomers {
  readonly #parts: NewcomersParts;
  /** Image or digest → the workload that had it first. */
  readonly #images = new Map<string, string>();
  readonly #told = new Map<string, Told>();
  /** Workload → when a container of it was like none. */
  readonly #unlike = new Map<string, bigint>();

  constructor(parts: NewcomersParts) {
    this.#parts = parts;
  }

  /** Whether it says something of others that the workload does a thing: not while it was told as unknown and is learnt. */
  vouches({ workload, state }: Pick<Baseline, 'workload' | 'state'>): boolean {
    return state === 'mature' || !this.#told.has(workload);
  }

  /** The window is about to end, under the container's settled name. */
  end(watched: Watched, endNs: bigint): void {
    const { container } = watched;
    if (container.kind !== 'container' || isWithoutName(container)) return;
    const { madeAt } = container;
    const { workload } = container.identity;
    if (madeAt !== null && this.#told.get(workload)?.waits === true)
      this.#again(watched, { baseline: this.#parts.registry.baseline(workload), madeAt, endNs });
    else if (madeAt !== null && watched.observed && endNs - madeAt <= 2n * START_NS) {
      const baseline = this.#parts.registry.baseline(workload);
      if (isFresh(baseline)) this.#newcomer(watched, { baseline, madeAt, endNs });
      else if (watched.phase === 'start') this.#start(watched, { baseline, madeAt, endNs });
    }
    this.#remember(container);
  }

  #newcomer(watched: Watched, beginning: Beginning): void {
    const { baseline, madeAt, endNs } = beginning;
    const waits = [...watched.window.facts].length === 0 && endNs - madeAt < START_NS;
    const { mature, young } = this.#others(baseline.workload);
    if (this.#told.has(baseline.workload) || waits || mature === 0 || mature < KNOWN_SHARE * (mature + young))
      return;
    this.#tell(watched, beginning, { mature, young });
  }

  /** A job that was let pass for what it had reached, until its baseline judges. */
  #again(watched: Watched, beginning: Beginning): void {
    const { baseline, endNs } = beginning;
    const { workload, state } = baseline;
    if (state !== 'learning') {
      keep(this.#told, workload, { atNs: endNs, alert: false, waits: false });
      return;
    }
    const others = this.#vouching(workload);
    const isNew = [...watched.window.facts].some((fact) => isReaching(fact) && !others.some(isKnownTo(fact)));
    if (isNew) this.#tell(watched, beginning, this.#others(workload));
  }

  #tell(
    watched: Watched,
    { baseline, madeAt, endNs }: Beginning,
    others: { readonly mature: number; readonly young: number },
  ): void {
    const { situations, telling, learnWindows, matureWindows } = this.#parts;
    const { workload } = baseline;
    const { container } = watched;
    const facts = [...watched.window.facts];
    const job = isJob(container.identity);
    const today = [...this.#told.values()].filter(({ atNs, alert }) => alert && endNs - atNs < DAY_NS).length;
    const compared = this.#compared(workload, facts);
    const verdict = judgeNewcomer({
      container,
      facts,
      seconds: Number(endNs - madeAt) / 1e9,
      imageOf: this.#imageOf(container),
      ...compared,
      job,
      today,
      mostToday: MOST_TODAY,
      ...others,
      learnWindows,
      matureWindows,
    });
    const alert = verdict.severity === 'medium';
    keep(this.#told, workload, { atNs: endNs, alert, waits: job && compared.reached.length === 0 });
    const situation = situations.of(watched);
    telling.found(verdict, { watched, situation, fact: null, when: { timeNs: endNs, cpu: 0 }, event: null });
  }

  /** What of it other workloads of the node are known for, and whom and what none of them reaches. */
  #compared(workload: string, facts: readonly Fact[]): { usual: number; reached: Fact[] } {
    const others = this.#vouching(workload);
    return {
      usual: deedsOf(facts).filter((fact) => others.some((other) => other.seen(fact) > 0)).length,
      reached: facts.filter((fact) => isReaching(fact) && !others.some(isKnownTo(fact))),
    };
  }

  #vouching(workload: string): Baseline[] {
    return this.#parts.registry
      .all()
      .filter((other) => isWorkload(other.workload) && other.workload !== workload && this.vouches(other));
  }

  /** Of a mature workload whose starts are known. */
  #start(watched: Watched, { baseline, madeAt, endNs }: Beginning): void {
    if (watched.foldedUntilNs > endNs || baseline.state !== 'mature' || !baseline.judges('exec', 'start'))
      return;
    const facts = [...watched.window.facts, ...watched.pairs.facts];
    const { fresh, known } = compared(facts, baseline);
    if (!isUnlike(fresh, known)) return;
    const { workload } = baseline;
    const before = this.#unlike.get(workload);
    const again = before !== undefined && endNs - before < DAY_NS;
    if (!again) keep(this.#unlike, workload, endNs);
    const verdict = judgeUnlike({
      container: watched.container,
      facts: fresh,
      seconds: Number(endNs - madeAt) / 1e9,
      fresh: fresh.length,
      known: known.length,
      starts: baseline.starts,
      again,
      foldedMinutes: FOLDED_MINUTES,
    });
    const situation = this.#parts.situations.of(watched);
    const when = { timeNs: endNs, cpu: 0 };
    this.#parts.telling.found(verdict, { watched, situation, fact: null, when, event: null });
    // One that alerts nobody stands for nothing.
    if (!again) watched.foldedUntilNs = endNs + FOLDED_NS;
  }

  /** Workloads of the node but this one, sessions, node and other newcomers: those known well, and those that are still learnt. */
  #others(workload: string): { readonly mature: number; readonly young: number } {
    const others = this.#parts.registry
      .all()
      .filter((each) => isWorkload(each.workload) && each.workload !== workload)
      .filter((each) => each.periods > 0 && this.vouches(each));
    const mature = others.filter(({ state }) => state === 'mature').length;
    return { mature, young: others.length - mature };
  }

  #imageOf(container: Container): string {
    for (const image of imagesOf(container)) {
      const known = this.#images.get(image);
      if (known !== undefined && known !== container.identity.workload) return known;
    }
    return '';
  }

  #remember(container: Container): void {
    for (const image of imagesOf(container))
      if (!this.#images.has(image)) keep(this.#images, image, container.identity.workload);
  }
}

/** In a pod, but its list does not name it or came too late: that its name is not known does not make it a stranger. */
const isWithoutName = ({ identity: { workload, podUid } }: Container): boolean =>
  workload.endsWith(`/${UNLISTED}`) || (podUid !== '' && isNameless(workload));

/** Whom it speaks to or asks for, the watched files that it opens, and the doors that it opens itself. */
const isReaching = ({ kind, value }: Fact): boolean =>
  kind === 'file' || kind === 'listen' || kind === 'name' || (kind === 'connect' && !LOOPBACK.test(value));

/** Names are compared by who registered them: jobs ask for hosts of their own below the same domain. */
const domainOf = (value: string): string => registeredDomain(value.slice(value.lastIndexOf(' ') + 1));

function isKnownTo(fact: Fact): (other: Baseline) => boolean {
  if (fact.kind !== 'name') return (other) => other.seen(fact) > 0;
  const domain = domainOf(fact.value);
  return (other) => other.seen(fact) > 0 || other.knowsLike('name', (value) => domainOf(value) === domain);
}

interface Beginning {
  readonly baseline: Baseline;
  readonly madeAt: bigint;
  readonly endNs: bigint;
}

/** Nothing was ever seen of it, in whatever way. */
const isFresh = ({ periods, starts, incomplete, withheld }: Baseline): boolean =>
  periods + starts + incomplete + withheld === 0;

/** Its digest, and its name without the version. */
function imagesOf({ identity: { image, imageDigest } }: Container): string[] {
  const name = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  return [imageDigest, name].filter((text) => text !== '');
}

function compared(facts: readonly Fact[], baseline: Baseline): { fresh: Fact[]; known: Fact[] } {
  const fresh = facts.filter((fact) => baseline.seen(fact) === 0);
  const known = facts.filter((fact) => ALWAYS_TOLD.has(fact.kind) && baseline.seen(fact) > 0);
  return { fresh, known };
}

function isUnlike(fresh: readonly Fact[], known: readonly Fact[]): boolean {
  const kinds = new Set(fresh.map(({ kind }) => kind));
  const distinct = new Set(fresh.map(factKey)).size;
  const started = fresh.some(({ kind }) => kind === 'exec') && !known.some(({ kind }) => kind === 'exec');
  const little = known.length <= KNOWN_OF_FRESH * fresh.length;
  return started && little && distinct >= LEAST_FRESH && kinds.size >= LEAST_KINDS;
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_KNOWN && oldest !== undefined) map.delete(oldest);
}
