/**
 * Where a series is: an exponentially weighted mean whose first steps are those of the plain mean. With `clip` a step is
 * cut at so many scales (Huber's proposal: P. J. Huber, "Robust estimation of a location parameter", Annals of
 * Mathematical Statistics 1964), so that an outlier moves it little and a lasting change moves it slowly. The scale is
 * the running mean of the deviations, themselves cut.
 *
 * Unit: that of the series; half-lives in observations. Memory: three numbers.
 */

export interface LevelOptions {
  /** Observations after which a past one counts half. */
  readonly halfLife: number;
  /** Largest step, in scales; null: not cut. */
  readonly clip: number | null;
}

/** Until then steps are not cut: the scale is not known. */
const WARM = 100;
/** Half-life of the scale, observations. */
const SCALE_RATE = 1 - 2 ** (-1 / 500);
/** A scale may double, however long it was 0. */
const LEAST_SCALE = 1e-6;

export class Level {
  readonly #rate: number;
  readonly #clip: number | null;
  #value = 0;
  #scale = 0;
  #count = 0;

  constructor({ halfLife, clip }: LevelOptions) {
    this.#rate = 1 - 2 ** (-1 / halfLife);
    this.#clip = clip;
  }

  get value(): number {
    return this.#value;
  }

  get count(): number {
    return this.#count;
  }

  /** @param value finite */
  follow(value: number): void {
    this.#count += 1;
    const first = 1 / this.#count;
    const deviation = value - this.#value;
    this.#value += Math.max(this.#rate, first) * this.#cut(deviation);
    const most = this.#count <= WARM ? Number.POSITIVE_INFINITY : 6 * this.#scale + LEAST_SCALE;
    this.#scale += Math.max(SCALE_RATE, first) * (Math.min(Math.abs(deviation), most) - this.#scale);
  }

  save(): readonly [number, number, number] {
    return [this.#value, this.#scale, this.#count];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    if (!Array.isArray(saved) || saved.length !== 3 || !saved.every(Number.isFinite))
      throw new TypeError('not a saved level');
    const [value, scale, count] = saved as [number, number, number];
    this.#value = value;
    this.#scale = scale;
    this.#count = count;
  }

  #cut(deviation: number): number {
    if (this.#clip === null || this.#count <= WARM) return deviation;
    const most = this.#clip * this.#scale;
    return Math.max(-most, Math.min(most, deviation));
  }
}
