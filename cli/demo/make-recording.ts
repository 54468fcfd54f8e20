/**
 * Makes recording.pkt.gz anew: the shop and the attack without picket, recorded with `picket record`. For developers, as
 * root, after a change of native/records.h that raises its version: `node cli/demo/make-recording.ts`.
 */
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { RECORDING } from '../up/kernel.ts';
import { Sandbox } from './containers.ts';
import { must } from './run.ts';
import { Shop } from './shop.ts';

/** Twelve windows of 5 s, twice what a baseline needs before it judges, then the attack. */
const QUIET_MS = 62_000;
const ATTACK_MS = 13_000;

const sandbox = await Sandbox.create({ name: 'picket-demo', node: hostname() });
try {
  const shop = await Shop.open(sandbox);
  rmSync(RECORDING, { force: true });
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const flags = [
    '--below=/picket-demo',
    `--for=${(QUIET_MS + ATTACK_MS) / 1000}s`,
    `--pods=${sandbox.podsFile}`,
  ];
  const recorded = must(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, 'record', RECORDING, ...flags],
    QUIET_MS + 2 * ATTACK_MS,
  );
  await sleep(QUIET_MS);
  shop.request(shop.web[0], `/report?host=${encodeURIComponent(shop.payload)}`);
  process.stdout.write(await recorded);
  shop.close();
} finally {
  await sandbox.stop();
}
