/** The short form of test/fuzz/run.ts. */
import { expect, test } from 'vitest';
import { LAYOUT } from '../../agent/events/layout.ts';
import { check, checkDeeply, seeds } from './decoder.ts';
import { fuzz } from './fuzz.ts';
import { randomFrom } from './mutate.ts';

const FILES = /agent\/events\/(decode|reader|dns-message|kinds\/[a-z-]+)\.(ts|js)$/;

test('whatever the bytes, the decoder throws nothing and accounts for every record', {
  timeout: 120_000,
}, () => {
  const done = fuzz({
    seeds: seeds(),
    random: randomFrom(20_261_121),
    files: FILES,
    check,
    checkDeeply,
    maxInputs: 1_000_000,
    maxMs: 30_000,
  });
  console.log(`fuzzed: ${done.inputs} inputs, ${done.kept} kept, ${done.blocks} blocks covered`);
  // Beside heavy other work; alone it is a hundred times as many.
  expect(done.inputs).toBeGreaterThan(2000);
  expect(done.kept).toBeGreaterThan(seeds().length);
});

test('inputs begin with every kind of record', () => {
  const kinds = seeds().map((seed) => seed.readUInt32LE(LAYOUT['record_header.kind']));
  const known = Object.entries(LAYOUT).filter(([name]) => name.startsWith('RECORD_'));
  expect(known.filter(([, kind]) => !kinds.includes(kind))).toEqual([]);
});

test('an input that breaks a promise is found and told', () => {
  const broken = (input: Buffer): void => {
    if (input.length > 64 && input.readUInt32LE(0) === 4096) throw new Error(`found: ${input.length}`);
  };
  const run = () =>
    fuzz({
      seeds: seeds(),
      random: randomFrom(7),
      files: FILES,
      check: broken,
      checkDeeply: () => undefined,
      maxInputs: 1_000_000,
      maxMs: 20_000,
    });
  expect(run).toThrow('found: ');
});
