/** What the demo tells: steps with times since its start, and proofs that must all hold. */

export interface Step {
  /** Unix ms. */
  readonly at: number;
  readonly text: string;
}

export interface Proof {
  readonly name: string;
  readonly held: boolean;
  /** What was seen. */
  readonly detail: string;
}

export class Story {
  readonly steps: Step[] = [];
  readonly proofs: Proof[] = [];
  readonly started = Date.now();
  readonly #out: (text: string) => void;

  constructor(out: (text: string) => void) {
    this.#out = out;
  }

  /** A heading between parts of the story. */
  part(title: string): void {
    this.#out(`\n${title}\n`);
  }

  /** `at` is when it happened, now by default. */
  tell(text: string, at: number = Date.now()): void {
    this.steps.push({ at, text });
    this.#out(`${this.#stamp(at)}  ${text}\n`);
  }

  prove(name: string, held: boolean, detail: string): void {
    this.proofs.push({ name, held, detail });
    this.#out(`${this.#stamp(Date.now())}  ${held ? 'proved' : 'NOT PROVED'}: ${name} (${detail})\n`);
  }

  /** True when there was at least one proof and every one held. */
  get ok(): boolean {
    return this.proofs.length > 0 && this.proofs.every((proof) => proof.held);
  }

  #stamp(at: number): string {
    return `${((at - this.started) / 1000).toFixed(1).padStart(6)} s`;
  }
}
