/**
 * The long form, by hand: node cli/launch.mjs --fuzz [INPUTS [SEED]]. Prints how far it is each ten seconds; the exit code is
 * 1 when something did not hold, and the input is in the message.
 */
import { check, checkDeeply, seeds } from './decoder.ts';
import { fuzz } from './fuzz.ts';
import { randomFrom } from './mutate.ts';

// Half of the time would be stacks of errors that the decoder catches.
Error.stackTraceLimit = 0;
const [inputs = '10000000', seed = '1'] = process.argv.slice(2);
let toldAt = performance.now();
const done = fuzz({
  seeds: seeds(),
  random: randomFrom(Number(seed)),
  files: /agent\/events\/(decode|reader|dns-message|kinds\/[a-z-]+)\.(ts|js)$/,
  check,
  checkDeeply,
  maxInputs: Number(inputs),
  maxMs: Number.POSITIVE_INFINITY,
  progress(tried, kept, blocks) {
    if (performance.now() - toldAt < 10_000) return;
    toldAt = performance.now();
    console.log(`${tried} inputs, ${kept} kept, ${blocks} blocks covered`);
  },
});
const perSecond = Math.round(done.inputs / (done.ms / 1000));
console.log(
  `${done.inputs} inputs at ${perSecond} a second, ${done.kept} kept, ${done.blocks} blocks: all held`,
);
