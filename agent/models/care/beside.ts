/**
 * A model and another of its kind beside it, of which only the first speaks: a *candidate* that may take its place, or after
 * that the *previous* one, to which one can go back. Both look at the same windows (trial.ts).
 *
 * By itself a candidate is promoted after TRIAL windows when it would have told no more of them; else it is dropped. For WATCH
 * windows after a promotion the previous one is compared still, and comes back when the new one told LEAST windows or more
 * and more than twice as many. Whoever knows better does either by a command.
 */
import { type Comparison, Trial } from './trial.ts';

export type Place = 'candidate' | 'previous';
export type Change = 'promoted' | 'dropped' | 'rolled-back';

/** Windows: 10 and 20 minutes of one container. */
export const TRIAL = 120;
export const WATCH = 240;
const LEAST = 5;
const WORSE = 2;

export interface Beheld {
  readonly place: Place;
  readonly comparison: Comparison;
}

export class Beside<T> {
  #live: T | null = null;
  #other: T | null = null;
  #place: Place = 'candidate';
  #trial = new Trial();

  /** The one that speaks. */
  get live(): T | null {
    return this.#live;
  }

  /** The one that is looked at; null: there is none, or it was looked at for long enough. */
  get looked(): T | null {
    const done = this.#place === 'previous' && this.#trial.comparison.windows >= WATCH;
    return done ? null : this.#other;
  }

  get other(): T | null {
    return this.#other;
  }

  get beheld(): Beheld | null {
    return this.#other === null ? null : { place: this.#place, comparison: this.#trial.comparison };
  }

  /** A new one: it speaks where there is none, else it is a candidate, in place of what was beside. */
  offer(model: T): void {
    if (this.#live === null) this.#live = model;
    else this.#put(model, 'candidate');
  }

  /** What both said of a window, bits. `mayTake`: whether the candidate may take the place, besides by what it tells. */
  note(live: number, other: number, mayTake: () => boolean = () => true): Change | null {
    if (this.looked === null) return null;
    this.#trial.note(live, other);
    const { windows, live: told, other: otherTold } = this.#trial.comparison;
    if (this.#place === 'previous')
      return told >= LEAST && told > WORSE * otherTold && this.rollBack() ? 'rolled-back' : null;
    if (windows < TRIAL) return null;
    if (otherTold <= told && mayTake() && this.promote()) return 'promoted';
    this.#other = null;
    return 'dropped';
  }

  /** False when there is no candidate. */
  promote(): boolean {
    if (this.#other === null || this.#place !== 'candidate') return false;
    const [live, candidate] = [this.#live, this.#other];
    this.#live = candidate;
    this.#other = null;
    if (live !== null) this.#put(live, 'previous');
    return true;
  }

  /** The one that spoke before speaks again, and the one that took its place is gone; false when there is none. */
  rollBack(): boolean {
    if (this.#other === null || this.#place !== 'previous') return false;
    this.#live = this.#other;
    this.#other = null;
    return true;
  }

  clear(): void {
    this.#live = null;
    this.#other = null;
  }

  save(saveOne: (model: T) => unknown): unknown {
    const { beheld } = this;
    if (this.#other === null || beheld === null) return null;
    return [beheld.place, saveOne(this.#other), this.#trial.save()];
  }

  /** `live`: the one that speaks, saved apart. @throws TypeError when it is not what `save` gave. */
  load(live: T | null, saved: unknown, loadOne: (saved: unknown) => T): void {
    const [place, other, trial] = Array.isArray(saved) ? saved : [null, null, null];
    const read = new Trial();
    const known = place === null ? null : loadOne(other);
    if (known !== null && place !== 'candidate' && place !== 'previous')
      throw new TypeError('a saved model beside another that has no place');
    if (known !== null) read.load(trial);
    this.#live = live;
    this.#other = known;
    this.#place = place === 'previous' ? 'previous' : 'candidate';
    this.#trial = read;
  }

  #put(model: T, place: Place): void {
    this.#other = model;
    this.#place = place;
    this.#trial = new Trial();
  }
}
