/** What the registry says of all baselines together. */
import { expect, test, vi } from 'vitest';
import { Baseline } from '../../../agent/models/baseline.ts';
import { Inheritance } from '../../../agent/models/inheritance.ts';
import { Registry } from '../../../agent/models/registry.ts';

const WORKLOAD = 'c/ns/Deployment/web/web';

function learn(registry: Registry, version: string, values: readonly string[], periods: number): void {
  for (let n = 0; n < periods; n++)
    registry.baseline(WORKLOAD).learn({
      phase: 'steady',
      facts: values.map((value) => ({ kind: 'pair', value })),
      flagged: [],
      withheld: false,
      complete: true,
      version,
      source: 'a',
    });
  registry.touch(WORKLOAD);
}

test('sizes are those of the last writing: no look at them goes through all facts', () => {
  const registry = new Registry({ learnWindows: 2, matureWindows: 4 });
  learn(registry, 'sha256:old', ['a>b', 'b>c', 'c>d'], 5);
  learn(registry, 'sha256:new', ['a>b'], 5);
  expect(registry.facts()).toEqual({ pairs: 0, inherited: 0 });
  registry.save();
  const inherited = vi.spyOn(Inheritance.prototype, 'of');
  const accepted = vi.spyOn(Baseline.prototype, 'accepted');
  for (let n = 0; n < 3; n++) expect(registry.facts()).toEqual({ pairs: 3, inherited: 2 });
  expect([inherited.mock.calls.length, accepted.mock.calls.length]).toEqual([0, 0]);
  learn(registry, 'sha256:new', ['b>c'], 2);
  registry.save();
  expect(registry.facts()).toEqual({ pairs: 3, inherited: 1 });
});
