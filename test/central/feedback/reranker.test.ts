/** A newer re-ranking model is compared with the one in force before it takes its place. */
import { expect, it } from 'vitest';
import { EACH } from '../../../central/feedback/contest.ts';
import {
  createReranker,
  KEPT,
  type KeptModel,
  promotedOf,
  type RerankerStore,
} from '../../../central/feedback/reranker.ts';
import type { Verdict } from '../../../central/feedback/verdict.ts';

class World {
  readonly verdicts: Verdict[] = [];
  readonly changes: string[] = [];
  kept: KeptModel[] = [];
  choice = 'latest';
  now = 1000;
  readonly store: RerankerStore = {
    save: async (one) => {
      const others = this.kept.filter(({ model }) => model.version !== one.model.version);
      this.kept = [one, ...others].toSorted((a, b) => b.madeMs - a.madeMs);
    },
    // The newest, and the one in force, as the store's contract says.
    models: async (most) => {
      const promoted = promotedOf(this.kept);
      const newest = this.kept.slice(0, most);
      return promoted === null || newest.includes(promoted)
        ? newest
        : [...newest.slice(0, most - 1), promoted];
    },
    choice: async () => this.choice,
    choose: async (choice) => {
      this.choice = choice;
    },
  };
  readonly reranker = createReranker({
    store: {
      transaction: (work) =>
        work({
          reranker: this.store,
          feedback: { verdicts: async () => this.verdicts, judged: async () => [] },
          steps: { append: async () => undefined },
        }),
    },
    nowMs: () => this.now,
    count: (change) => this.changes.push(change),
  });

  /** So many verdicts of either kind: `right` is the detector that is right, the other speaks as loudly when it is not. */
  async say(count: number, right: 'a' | 'b'): Promise<void> {
    const wrong = right === 'a' ? 'b' : 'a';
    for (let n = 0; n < 2 * count; n++) {
      this.now += 10;
      const real = n % 2 === 0;
      const subject = { kind: 'alert', id: `alr-${this.verdicts.length}` } as const;
      this.verdicts.unshift({
        ...{ id: `fbk-${this.verdicts.length}`, atMs: this.now, actor: 'p', reason: '', subject },
        verdict: real ? 'true-positive' : 'false-positive',
        features: { [real ? right : wrong]: 6, other: 1 + (n % 3) },
        confidence: 0.9,
      });
      this.now += 10;
      await this.reranker.update();
    }
  }

  /** How much more real what the detector says looks than what the other says. */
  prefers(detector: 'a' | 'b'): boolean {
    const other = detector === 'a' ? 'b' : 'a';
    const rank = (name: string) => this.reranker.rank({ features: { [name]: 6 }, confidence: 0 }) ?? 0;
    return rank(detector) > rank(other);
  }

  get places(): string[] {
    return this.kept.map(({ place }) => place);
  }
}

it('the first speaks at once, a newer one stands beside it until later verdicts say which orders better', async () => {
  const world = new World();
  await world.say(10, 'a');
  expect([world.places, world.prefers('a')]).toEqual([['promoted'], true]);
  const [first] = world.kept;
  await world.say(1, 'a');
  expect(world.places).toEqual(['candidate', 'promoted']);
  expect((await world.reranker.view()).inForce).toBe(first?.model.version);
  await world.say(EACH - 1, 'a');
  expect(world.changes).toEqual([]);
  await world.say(2, 'a');
  expect(world.changes).toEqual(['promoted']);
  expect(world.places).toEqual(['candidate', 'promoted', 'promoted']);
  expect((await world.reranker.view()).inForce).toBe(world.kept[1]?.model.version);
});

it('one that orders later verdicts worse is dropped, and the one in force goes on', async () => {
  const world = new World();
  await world.say(10, 'a');
  // For long enough it is the other way round, so that what is trained then believes it.
  const [before] = world.kept;
  world.verdicts.splice(0);
  await world.say(10, 'b');
  const [candidate] = world.kept;
  expect([candidate?.place, world.prefers('a')]).toEqual(['candidate', true]);
  await world.say(EACH + 1, 'a');
  expect([world.changes[0], world.prefers('a')]).toEqual(['dropped', true]);
  expect((await world.reranker.view()).inForce).toBe(before?.model.version);
});

it('the one in force stays so, however many candidates were dropped since', async () => {
  const world = new World();
  await world.say(10, 'a');
  const [live] = world.kept;
  if (live === undefined) throw new Error('no model');
  for (let at = 1; at <= KEPT + 5; at += 1) {
    const model = { ...live.model, version: `dropped-${at}` };
    await world.store.save({ model, madeMs: world.now + at, placedMs: world.now + at, place: 'dropped' });
  }
  await world.reranker.update();
  expect((await world.reranker.view()).inForce).toBe(live.model.version);
  expect(world.prefers('a')).toBe(true);
});

it('a person may have the newer one speak before that, and go back to what rules decide', async () => {
  const world = new World();
  await world.say(11, 'a');
  const [candidate, live] = world.kept;
  expect(await world.reranker.choose(candidate?.model.version ?? '', 'p')).toBe(true);
  expect((await world.reranker.view()).inForce).toBe(candidate?.model.version);
  await world.reranker.choose('latest', 'p');
  const view = await world.reranker.view();
  expect([view.inForce, view.contest?.truePositives]).toEqual([live?.model.version, expect.any(Number)]);
  expect(await world.reranker.choose('none', 'p')).toBe(false);
});

it('a verdict that is changed later says nothing new of a model that knew the first', async () => {
  const world = new World();
  await world.say(11, 'a');
  const known = (await world.reranker.view()).contest;
  const [old] = world.verdicts.slice(-1);
  if (old === undefined) throw new Error('no verdict');
  world.verdicts.unshift({ ...old, id: 'fbk-again', atMs: world.now + 5, verdict: 'false-positive' });
  expect((await world.reranker.view()).contest).toEqual(known);
});
