/**
 * What people refuse by putting Containments away, of all clusters: heard before other policies are in force, whose plans
 * would take the place of those. Policies and Containments are watched apart, so that which came first can only be read.
 */
export interface NoesParts {
  readonly clusters: readonly string[];
  /** Once, until it is heard again. */
  readonly onUnheard: (cluster: string, error: unknown) => void;
}

export class Noes {
  readonly #parts: NoesParts;
  readonly #sources = new Map<string, () => Promise<void>>();
  readonly #unheard = new Set<string>();
  readonly #told = new Set<string>();
  #taking: Promise<void> = Promise.resolve();

  constructor(parts: NoesParts) {
    this.#parts = parts;
  }

  /** `take` rejects where it could not be read, or not be done. */
  from(cluster: string, take: () => Promise<void>): void {
    this.#sources.set(cluster, take);
  }

  /** Those of now: one after the other, of all clusters at once. Never rejects. */
  take(): Promise<void> {
    this.#taking = this.#taking.then(async () => {
      await Promise.all(this.#parts.clusters.map((cluster) => this.#takeOf(cluster)));
    });
    return this.#taking;
  }

  /** Other policies are in force already, and nothing was read before. */
  doubt(): void {
    for (const cluster of this.#parts.clusters) this.#unheard.add(cluster);
  }

  get areHeard(): boolean {
    return this.#unheard.size === 0;
  }

  /** Somebody may have refused there what still seems to wait. */
  isUnheard(cluster: string): boolean {
    return this.#unheard.has(cluster);
  }

  async #takeOf(cluster: string): Promise<void> {
    const take = this.#sources.get(cluster);
    try {
      if (take === undefined) throw new Error('nobody looks there yet');
      await take();
      this.#unheard.delete(cluster);
      this.#told.delete(cluster);
    } catch (error) {
      this.#unheard.add(cluster);
      if (!this.#told.has(cluster)) this.#parts.onUnheard(cluster, error);
      this.#told.add(cluster);
    }
  }
}
