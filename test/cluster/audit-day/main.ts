/**
 * Days of requests to a real API server, with what attackers do among them:
 *
 *   node test/cluster/audit-day/main.ts SEED FOLDER
 *
 * Brings up a cluster, plays a quiet day and one with every technique, and writes seed-SEED.ndjson.gz (the API server's
 * log) and seed-SEED.labels.json into the folder. README.md says what is in them.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { lots } from '../../../cli/evaluate/lots.ts';
import { debianRoot, programs } from '../binaries.ts';
import { signingRequest } from '../certificates.ts';
import { attach, type Cluster, down, up } from '../cluster.ts';
import { until } from '../command.ts';
import { type Planned, planHabits, planTechniques, type Town } from './day.ts';
import { HABITS } from './errands.ts';
import { type Hand, People } from './people.ts';
import { play, record } from './play.ts';
import { Relays } from './relay.ts';
import { LAST, TECHNIQUES } from './techniques.ts';
import { build, OFFICE, PODS, release } from './town.ts';

const HERE = import.meta.dirname;
const RUN = join(HERE, '../../../.cache/cluster-audit-day');
const POLICY = join(HERE, '../../../manifests/examples/audit-policy.yaml');
const DAYS = 2;

function plan(seed: number): Planned[] {
  const random = lots(seed);
  const days = Array.from({ length: DAYS }, (_, day) => planHabits(HABITS, day, random)).flat();
  const attacks = planTechniques(TECHNIQUES, { day: DAYS - 1, random, last: LAST });
  return [...days, ...attacks].toSorted((a, b) => a.minute - b.minute);
}

const homeOf = (name: string): string => {
  const address = { ...OFFICE, ...PODS, stale: PODS['blog/web'] }[name];
  if (address === undefined) throw new Error(`${name} has no place of its own`);
  return address;
};

async function podOf(cluster: Cluster, namespace: string, app: string): Promise<string> {
  const query = ['pods', '-n', namespace, '-l', `app=${app}`, '--field-selector=status.phase=Running'];
  return until(
    `a pod of ${app}`,
    async () => {
      const { items } = await cluster.get<{
        items: { metadata: { name: string; deletionTimestamp?: string } }[];
      }>(query);
      return items.find(({ metadata }) => metadata.deletionTimestamp === undefined)?.metadata.name;
    },
    60_000,
  );
}

function townWith(parts: { cluster: Cluster; people: People; folder: string; random: () => number }) {
  const { cluster, people, folder, random } = parts;
  const hand = (name: string, address?: string): Promise<Hand> => people.at(name, address ?? homeOf(name));
  return (day: number): Town => ({
    ...{ people, day, random, folder, hand, signingRequest },
    charts: join(folder, 'charts'),
    podOf: (namespace, app) => podOf(cluster, namespace, app),
  });
}

async function inside(seed: number, out: string): Promise<void> {
  const cluster = attach(RUN);
  const folder = mkdtempSync(join(tmpdir(), 'picket-day-'));
  cpSync(join(HERE, 'charts'), join(folder, 'charts'), { recursive: true });
  const relays = new Relays();
  const people = new People(cluster, { relays, folder, tools: await programs() });
  try {
    await build(cluster, people, await debianRoot());
    people.token('stale', { user: '', token: 'eyJhbGciOiJub25lIn0.e30.none' });
    const townOf = townWith({ cluster, people, folder, random: lots(seed + 1000) });
    await release(await townOf(0).hand('ci/deployer'), folder);
    await people.account('blog/web');
    for (const [namespace, app] of [
      ['data', 'postgres'],
      ['kube-system', 'helper'],
      ['staging', 'api'],
    ] as const)
      await podOf(cluster, namespace, app);
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    const played = await play(plan(seed), { people, townOf, say });
    // The log is written behind the answers.
    await new Promise((done) => setTimeout(done, 3000));
    const log = readFileSync(cluster.auditLog, 'utf8').trim().split('\n');
    const { rows, labels } = record(log, played, seed);
    mkdirSync(out, { recursive: true });
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    writeFileSync(join(out, `seed-${seed}.ndjson.gz`), gzipSync(text, { level: 9 }));
    writeFileSync(join(out, `seed-${seed}.labels.json`), `${JSON.stringify(labels, null, 1)}\n`);
    say(`${rows.length} events, ${Object.keys(labels.events).length} of attacks`);
  } finally {
    relays.close();
    await people.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(seed: string, out: string): Promise<number> {
  const flags = [`--audit-policy-file=${POLICY}`, '--anonymous-auth=true'];
  const cluster = await up({ folder: RUN, apiServer: flags });
  try {
    const [program = '', ...argv] = cluster.inside([
      ...['sh', '-c', 'cd "$0" && exec "$@"', join(HERE, '../../..'), process.execPath],
      ...['--disable-warning=ExperimentalWarning', import.meta.filename, 'inside', seed, resolve(out)],
    ]);
    const env = { ...process.env, PICKET_CLUSTER_INSIDE: cluster.namespace };
    return spawnSync(program, argv, { stdio: 'inherit', env }).status ?? 1;
  } finally {
    await down(RUN);
  }
}

const [first = '', second = '', third = ''] = process.argv.slice(2);
if (first === 'inside') await inside(Number(second), third);
else if (second === '' || !/^\d+$/.test(first)) {
  process.stderr.write('usage: node test/cluster/audit-day/main.ts SEED FOLDER\n');
  process.exitCode = 2;
} else process.exitCode = await main(first, second);
