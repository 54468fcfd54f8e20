/**
 * The tail by which evidence is calibrated, and newer ones of it. When evidence is spread otherwise than it was (care/drift.ts), or
 * a person asks for it, a tail of the windows from then on is gathered, and once it is as long as an hour of one container it
 * is compared with the one that speaks. By itself it takes its place only if it would have told no more windows and takes at
 * most MORE_EXCESS bits more off high evidence: nobody teaches picket in an hour to look away. After one that was dropped the next is
 * gathered by itself only after a pause, which doubles with each that is dropped: a spread that stays other is no reason to try for ever.
 */
import { type Beheld, Beside, type Change } from '../care/beside.ts';
import { BLOCK } from '../care/drift.ts';
import { Tail } from './tail.ts';

/** Evidence of which an alert may be made, bits; and how much more may be taken off it. */
const HIGH = 16;
const MORE_EXCESS = 1;
/** Doublings of the pause, of an hour of one container: two hours at first, 128 at most. */
const MOST_DOUBLINGS = 7;

export class TailVersions {
  #versions = new Beside<Tail>();
  /** What is gathered; null: nothing. */
  #gathered: Tail | null = null;
  /** Candidates dropped since one was promoted, and windows until the next is gathered by itself. */
  #dropped = 0;
  #pause = 0;

  constructor() {
    this.#versions.offer(new Tail());
  }

  /** The one that speaks. */
  get tail(): Tail {
    const { live } = this.#versions;
    if (live === null) throw new Error('no tail speaks'); // the constructor offers one, and none is taken away
    return live;
  }

  get beheld(): Beheld | null {
    return this.#versions.beheld;
  }

  /** Windows gathered for a newer one; null: none is. */
  get gathered(): number | null {
    return this.#gathered?.periods ?? null;
  }

  /** Evidence is spread otherwise: a newer one is gathered, unless one was dropped not long ago. */
  drifted(): void {
    if (this.#pause === 0) this.renew();
  }

  /** A newer one is to be gathered. False when one is, or is compared. */
  renew(): boolean {
    if (this.#gathered !== null || this.#versions.beheld?.place === 'candidate') return false;
    this.#gathered = new Tail();
    return true;
  }

  /** One more period of usual life. @returns what became of another version by it */
  learn(bits: number): Change | null {
    const { tail } = this;
    const { looked } = this.#versions;
    const fit = (): boolean => (looked?.excess(HIGH) ?? 0) <= tail.excess(HIGH) + MORE_EXCESS;
    const of = (one: Tail): number => Math.max(0, bits - one.excess(bits));
    const change = looked === null ? null : this.#versions.note(of(tail), of(looked), fit);
    tail.learn(bits);
    looked?.learn(bits);
    this.#gather(bits);
    this.#pause = Math.max(0, this.#pause - 1);
    if (change === 'dropped') {
      this.#dropped = Math.min(this.#dropped + 1, MOST_DOUBLINGS);
      this.#pause = BLOCK * 2 ** this.#dropped;
    } else if (change === 'promoted') this.#dropped = 0;
    return change;
  }

  promote(): boolean {
    return this.#versions.promote();
  }

  rollBack(): boolean {
    return this.#versions.rollBack();
  }

  #gather(bits: number): void {
    this.#gathered?.learn(bits);
    if (this.#gathered === null || this.#gathered.periods < BLOCK) return;
    this.#versions.offer(this.#gathered);
    this.#gathered = null;
  }

  /** Besides the one that speaks. */
  save(): unknown {
    const beside = this.#versions.save((tail) => tail.save());
    return [this.#gathered?.save() ?? null, beside, this.#dropped, this.#pause];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(live: unknown, saved: unknown): void {
    // Earlier versions saved the first two.
    const [gathered, beside, dropped = 0, pause = 0] = Array.isArray(saved) ? saved : [null, null];
    const versions = new Beside<Tail>();
    versions.load(tailOf(live), beside, tailOf);
    this.#gathered = gathered === null ? null : tailOf(gathered);
    this.#versions = versions;
    this.#dropped = Math.min(Math.max(0, Number(dropped) || 0), MOST_DOUBLINGS);
    this.#pause = Math.min(Math.max(0, Number(pause) || 0), BLOCK * 2 ** MOST_DOUBLINGS);
  }
}

function tailOf(saved: unknown): Tail {
  const tail = new Tail();
  tail.load(saved);
  return tail;
}
