/**
 * The long form: node cli/launch.mjs --soak [--minutes N] [--unnamed] [--json FILE]. Prints a line each ten seconds and then what came
 * of it; the exit code is 1 when something grew or a slot was kept.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildDoer, cleanUp } from '../native/kernel-fixtures.ts';
import { soak } from './soak.ts';
import { judge, type Sample, type Slope } from './verdict.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    unnamed: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
/** 2 KiB of each container that came and went: 3600 an hour. Less is not told from garbage in half an hour. */
const LIMITS = { mibPerHour: 7, slotsLeft: 0, descriptors: 8 };

const line = (s: Sample): string =>
  [
    `${s.seconds.toFixed(0)} s`,
    `rss ${s.rss.toFixed(1)}`,
    `anonymous ${s.anonymous.toFixed(1)}`,
    `heap ${s.heapUsed.toFixed(1)}`,
    `external ${s.external.toFixed(1)} MiB`,
    `${s.descriptors} descriptors`,
    `${s.slots} slots`,
    `maps ${(s.mapBytes / 1024 ** 2).toFixed(1)} MiB`,
    `cpu ${s.cpuSeconds.toFixed(1)} s`,
  ].join(', ');
const words = ({ perHour, low, high }: Slope): string =>
  `${perHour.toFixed(2)} MiB an hour (${low.toFixed(2)} to ${high.toFixed(2)})`;

const minutes = Number(values.minutes);
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopping.abort());
const { containers, samples, last } = await soak({
  minutes,
  doer: buildDoer(),
  sampleSeconds: 10,
  named: !values.unnamed,
  signal: stopping.signal,
  onSample: (taken) => console.log(line(taken)),
}).finally(cleanUp);
const verdict = judge(samples, last, LIMITS);
console.log(`after the end: ${line(last)}`);
console.log(
  `${containers} containers in ${minutes} minutes; second half: anonymous ${words(verdict.anonymous)}, heap ${words(verdict.heap)}`,
);
for (const problem of verdict.problems) console.log(`PROBLEM: ${problem}`);
if (values.json !== undefined)
  writeFileSync(values.json, JSON.stringify({ containers, samples, last, verdict }));
process.exitCode = verdict.problems.length === 0 ? 0 : 1;
