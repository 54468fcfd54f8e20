/** The process: settings, signals, exit codes. 0: stopped by a signal. 1: failed. 2: settings or policies are wrong. */
import { readFileSync } from 'node:fs';
import { systemClock } from '../kit/clock.ts';
import { createLog } from '../kit/log.ts';
import { readSettings, SettingsError } from '../kit/read-settings.ts';
import { type CentralReady, createCentral } from './central.ts';
import { type CentralSettings, centralRows } from './settings.ts';

function readyLine(ready: CentralReady): string {
  const { agents, api, metrics, database, policies } = ready;
  const audit = ready.audit === '' ? '' : ` audit=${ready.audit}`;
  return `ready agents=${agents} api=${api} metrics=${metrics}${audit} database=${database} policies=${policies.join(',') || 'none(observe)'}\n`;
}

/** Runs central until SIGINT or SIGTERM. Resolves with the exit code. */
export async function runCentral(settings: CentralSettings): Promise<number> {
  const log = createLog({ name: 'central', level: settings['log-level'] });
  const central = createCentral({ settings, clock: systemClock(), log });
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
  try {
    process.stdout.write(readyLine(await central.start()));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    log.fatal({ err: error }, 'central could not start');
    return code === 'PICKET_POLICY' || code === 'PICKET_NOTIFY' || code === 'PICKET_KEY_FILE' ? 2 : 1;
  }
  log.info({ signal: await signalled }, 'central stops');
  await central.stop();
  return 0;
}

/** `--name value` and `--name=value`. */
function flagsOf(argv: readonly string[]): Record<string, string | true> {
  const flags: Record<string, string | true> = {};
  for (let at = 0; at < argv.length; at += 1) {
    const [name = '', ...rest] = (argv[at] ?? '').replace(/^--/, '').split('=');
    const next = argv[at + 1];
    if (rest.length > 0) flags[name] = rest.join('=');
    else if (next === undefined || next.startsWith('--')) flags[name] = true;
    else {
      flags[name] = next;
      at += 1;
    }
  }
  return flags;
}

async function main(): Promise<number> {
  try {
    const flags = flagsOf(process.argv.slice(2));
    const path = typeof flags['config'] === 'string' ? flags['config'] : (process.env['PICKET_CONFIG'] ?? '');
    const file = path === '' ? null : { path, text: readFileSync(path, 'utf8') };
    return await runCentral(readSettings(centralRows, { flags, environment: process.env, file }));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return error instanceof SettingsError ? 2 : 1;
  }
}

if (import.meta.main) process.exitCode = await main();
