/** The packed model against one that follows the paper with maps of text. */
import { describe, expect, test } from 'vitest';
import { discountsOf, KneserNey } from '../../../../agent/models/traces/kneser-ney.ts';

/** Interpolated, modified Kneser-Ney by the book; contexts shorter than the order only at the beginning. */
class Slow {
  readonly #counts: Map<string, number>[] = [];
  readonly #order: number;
  readonly #alphabet: number;

  constructor(traces: readonly (readonly number[])[], order: number, alphabet: number) {
    this.#order = order;
    this.#alphabet = alphabet;
    for (let n = 1; n <= order; n++) {
      const before = new Map<string, Set<string>>();
      const counts = new Map<string, number>();
      for (const trace of traces)
        for (let end = n; end <= trace.length; end++) {
          const gram = trace.slice(end - n, end).join(' ');
          counts.set(gram, (counts.get(gram) ?? 0) + 1);
          const one = before.get(gram) ?? new Set();
          one.add(String(trace[end - n - 1] ?? 'start'));
          before.set(gram, one);
        }
      this.#counts.push(n === order ? counts : new Map([...before].map(([gram, set]) => [gram, set.size])));
    }
  }

  probability(calls: readonly number[], length = Math.min(calls.length, this.#order)): number {
    if (length === 0) return 1 / (this.#alphabet + 1);
    const counts = this.#counts[length - 1] ?? new Map<string, number>();
    const discounts = discountsOf(counts.values());
    const context = calls.slice(calls.length - length, -1);
    const lower = this.probability(calls, length - 1);
    let total = 0;
    let freed = 0;
    for (const [gram, count] of counts) {
      if (gram.split(' ').slice(0, -1).join(' ') !== context.join(' ')) continue;
      total += count;
      freed += discounts[Math.min(count, 3) - 1] ?? 0;
    }
    if (total === 0) return lower;
    const count = counts.get(calls.slice(calls.length - length).join(' ')) ?? 0;
    const seen = count === 0 ? 0 : count - (discounts[Math.min(count, 3) - 1] ?? 0);
    return (seen + freed * lower) / total;
  }
}

const traces = [
  [1, 2, 3, 1, 2, 4, 1, 2, 3, 3, 1, 2, 3, 1, 2, 4],
  [1, 2, 3, 1, 2, 3, 1, 2, 3, 5],
  [5, 1, 2, 5, 4, 3, 2, 1, 1, 2],
  [1, 2],
  [3],
];

function trained(order: number): KneserNey {
  const model = new KneserNey(order);
  for (const trace of traces) model.learn(Uint16Array.from(trace));
  model.seal(5);
  return model;
}

function surprises(model: KneserNey, calls: readonly number[]): number[] {
  const into = new Float64Array(calls.length);
  model.surprise(Uint16Array.from(calls), into);
  return [...into];
}

describe.each([1, 2, 3, 5])('order %d', (order) => {
  test.each([
    [[1, 2, 3, 1, 2, 4, 5]],
    [[5, 5, 5, 4, 1]],
    [[0, 1, 2, 0, 0, 3]],
    [[3, 1, 2, 3, 3, 1]],
  ])('is the paper on %j', (calls) => {
    const slow = new Slow(traces, order, 5);
    const expected = calls.map((_, at) => -Math.log(slow.probability(calls.slice(0, at + 1))));
    for (const [at, value] of surprises(trained(order), calls).entries())
      expect(value).toBeCloseTo(expected[at] ?? Number.NaN, 10);
  });

  test('probabilities of all calls after a context sum to one', () => {
    const model = trained(order);
    for (const context of [[], [1], [1, 2], [4, 4], [5, 1, 2, 5]]) {
      let sum = 0;
      for (let next = 0; next <= 5; next++)
        sum += Math.exp(-(surprises(model, [...context, next]).at(-1) ?? 0));
      expect(sum).toBeCloseTo(1, 10);
    }
  });
});

test('discounts are those of Chen and Goodman', () => {
  // n1 4, n2 2, n3 1, n4 1: Y 0.5, so 1 - 2Y/2, 2 - 3Y/2, 3 - 4Y.
  expect(discountsOf([1, 1, 1, 1, 2, 2, 3, 4, 9])).toEqual([0.5, 1.25, 1]);
  expect(discountsOf([])).toEqual([0.5, 0.5, 0.5]);
});

test('an order that a key cannot hold is refused', () => {
  expect(() => new KneserNey(6)).toThrow(RangeError);
});
