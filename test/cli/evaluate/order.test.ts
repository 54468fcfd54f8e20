import { expect, test } from 'vitest';
import { priorBits, readPrior, trainPrior } from '../../../cli/evaluate/range/fact-prior.ts';
import { orderOf, type Shown } from '../../../cli/evaluate/range/order.ts';
import { priorFile, priorText } from '../../architecture/fact-prior.ts';

test('the prior over facts is the one that our cases make', () => {
  expect(priorFile()).toBe(priorText());
});

test('the prior tells apart what the examples tell apart, and nothing else', () => {
  const examples = Array.from({ length: 20 }, (_, i) => [
    { fact: `exec nginx > /bin/dash -c ${i}`, attack: true },
    { fact: `exec cron > /usr/bin/run-parts ${i}`, attack: false },
  ]).flat();
  const prior = trainPrior(examples);
  expect(priorBits(prior, 'exec httpd > /bin/bash')).toBeGreaterThan(1);
  expect(priorBits(prior, 'exec cron > /usr/bin/tool')).toBeLessThan(-1);
  expect(priorBits(prior, 'name never.example')).toBeCloseTo(priorBits(prior, 'listen tcp:80'), 9);
  expect(trainPrior(examples.toReversed())).toEqual(prior);
});

test('the shipped prior has a program that a server starts above one that a program starts', () => {
  const prior = readPrior();
  expect(priorBits(prior, 'exec nginx > /tmp/x')).toBeGreaterThan(
    priorBits(prior, 'exec make > /usr/bin/cc'),
  );
});

const shown = (subject: string, real: boolean, features: Record<string, number>, prior = 0): Shown => ({
  example: { subject, verdict: real ? 'true-positive' : 'false-positive', features, confidence: 0.5 },
  prior,
});

/** One detector is loud and wrong, one quiet and right. */
const run = (name: string): Shown[] =>
  Array.from({ length: 20 }, (_, i) => [
    shown(`${name}/real ${i}`, true, { sharp: 2 + (i % 3) }, 9),
    shown(`${name}/false ${i}`, false, { loud: 3 + (i % 3) }, -9),
  ]).flat();

test('a recording is ordered by what the verdicts on the others teach, beside what evidence and prior give', () => {
  const [first, second] = orderOf([run('a'), run('b')]);
  expect(first).toEqual(second);
  expect(first?.labelFree).toBeLessThan(0.3);
  expect(first).toMatchObject({ real: 20, ordinary: 20, withPrior: 1, reranked: 1 });
});

test('without verdicts on others there is no re-ranked order', () => {
  expect(orderOf([run('a')])[0]?.reranked).toBeNaN();
});
