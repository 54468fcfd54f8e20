import { expect, test } from 'vitest';
import { Noes } from '../../../central/cluster/noes.ts';

test('takes the noes of every cluster, says once of which none could be read, and asks there again', async () => {
  const [taken, told]: [string[], string[]] = [[], []];
  let away = true;
  const noes = new Noes({
    clusters: ['local', 'east'],
    onUnheard: (cluster, error) => told.push(`${cluster}: ${error}`),
  });
  expect(noes.areHeard).toBe(true);
  noes.doubt();
  expect([noes.isUnheard('local'), noes.isUnheard('east'), noes.isUnheard('west')]).toEqual([
    true,
    true,
    false,
  ]);
  noes.from('local', async () => void taken.push('local'));
  await noes.take();
  noes.from('east', async () => {
    if (away) throw new Error('away');
    taken.push('east');
  });
  await noes.take();
  expect([noes.isUnheard('local'), noes.isUnheard('east'), noes.areHeard]).toEqual([false, true, false]);
  away = false;
  await Promise.all([noes.take(), noes.take()]);
  expect(noes.areHeard).toBe(true);
  expect(taken).toEqual(['local', 'local', 'local', 'east', 'local', 'east']);
  expect(told).toEqual(['east: Error: nobody looks there yet']);
});
