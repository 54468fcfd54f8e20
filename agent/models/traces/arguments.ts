/**
 * How strange the arguments are, apart from the order of the calls: each call may carry *facts*, short texts such as its
 * flags, the class of its path, its error. A call and a fact learnt as tokens of one alphabet thin each other out; two
 * models do not. The mean over a unit hides one new fact, so what is counted is what is new, how rare the different
 * facts are among units, and the worst stretch of twenty calls.
 */

/** Calls of the worst stretch: one action of a program, not a whole request. */
const STRETCH = 20;
/** Of different facts; more are not learnt. */
export const MOST_FACTS = 8192;

export type Facts = readonly (readonly string[])[];

export interface ArgumentLook {
  readonly fresh: number;
  readonly rare: number;
  readonly worst: number;
}

interface Known {
  units: number;
  times: number;
}

/** The first word names what a fact is about: facts compete with those of the same call. */
const aboutOf = (fact: string): string => fact.slice(0, Math.max(0, fact.indexOf(' ')));

export class Arguments {
  readonly #known = new Map<string, Known>();
  readonly #times = new Map<string, number>();
  #units = 0;

  constructor(units: Iterable<Facts>) {
    for (const unit of units) this.#learn(unit);
  }

  look(unit: Facts): ArgumentLook {
    const different = new Set(unit.flat());
    let fresh = 0;
    let rare = 0;
    for (const fact of different) {
      const units = this.#known.get(fact)?.units ?? 0;
      if (units === 0) fresh += 1;
      rare -= Math.log((units + 0.5) / (this.#units + 1));
    }
    return { fresh, rare: rare / Math.max(1, different.size), worst: this.#worst(unit) };
  }

  #worst(unit: Facts): number {
    const surprise = Float64Array.from(unit, (facts) =>
      facts.reduce((sum, fact) => sum + this.#surprise(fact), 0),
    );
    let sum = 0;
    let worst = 0;
    surprise.forEach((value, at) => {
      sum += value - (at >= STRETCH ? (surprise[at - STRETCH] ?? 0) : 0);
      worst = Math.max(worst, sum);
    });
    return worst;
  }

  #surprise(fact: string): number {
    const times = this.#known.get(fact)?.times ?? 0;
    return -Math.log((times + 0.5) / ((this.#times.get(aboutOf(fact)) ?? 0) + 1));
  }

  #learn(unit: Facts): void {
    this.#units += 1;
    const different = new Set<string>();
    for (const fact of unit.flat()) {
      const known = this.#known.get(fact) ?? { units: 0, times: 0 };
      if (known.times === 0 && this.#known.size >= MOST_FACTS) continue;
      this.#known.set(fact, known);
      known.times += 1;
      if (!different.has(fact)) known.units += 1;
      different.add(fact);
      this.#times.set(aboutOf(fact), (this.#times.get(aboutOf(fact)) ?? 0) + 1);
    }
  }
}
