/** A process that spools detections as fast as it can and tells each once it is kept; killed by its test. */

import { Spool } from '../../../agent/uplink/spool.ts';
import { detectionEntry } from '../../../agent/uplink/summarize.ts';
import { systemClock } from '../../../kit/clock.ts';

const [folder = '', boot = ''] = process.argv.slice(2);
const clock = systemClock();
const spool = new Spool({
  folder,
  boot,
  clock,
  maxBytes: 64 * 1024 ** 2,
  segmentBytes: 8192,
  onError: console.error,
});
for (let count = 0; ; count += 1) {
  spool.append(detectionEntry({ id: `det-${count}`, summary: 'x'.repeat(count % 500) }));
  process.stdout.write(`${count}\n`);
  if (count % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
}
