/** The promise beside what became of it: alerts that stood on evidence alone, per container-hour that was seen whole. */

const HOUR_NS = 3_600_000_000_000n;

export class Achieved {
  #alarms = 0;
  #ns = 0n;

  /** A complete window of one container, in which so many alerts were opened by evidence alone. */
  window(ns: bigint, alarms: number): void {
    this.#ns += ns;
    this.#alarms += alarms;
  }

  get alarms(): number {
    return this.#alarms;
  }

  /** Container-hours. */
  get hours(): number {
    return Number((this.#ns * 1000n) / HOUR_NS) / 1000;
  }

  save(): readonly [number, string] {
    return [this.#alarms, String(this.#ns)];
  }

  /** @throws TypeError when it is not what `save` gave. */
  load(saved: unknown): void {
    const [alarms, ns] = Array.isArray(saved) ? saved : [];
    if (!Number.isSafeInteger(alarms) || typeof ns !== 'string' || !/^\d{1,20}$/.test(ns))
      throw new TypeError('not a saved rate of alarms');
    this.#alarms = alarms as number;
    this.#ns = BigInt(ns);
  }
}
