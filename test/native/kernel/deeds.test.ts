/**
 * Behaviours done on this kernel, in a container of their own, and found by our rules or as new: from the programs in the
 * kernel through decoding and lineage to the hit. Programs with names of tools are copies of true(1), shells and perl.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import { factOf } from '../../../agent/features/facts.ts';
import { Processes } from '../../../agent/identity/processes.ts';
import { ourRules } from '../../../agent/rules/ours.ts';
import { agentRows } from '../../../agent/settings.ts';
import { watchedNames } from '../../../agent/source/watched-names.ts';
import { type Deed, readDeeds } from '../../builders/deeds.ts';
import { makeContainer } from '../../builders/rules.ts';
import {
  atEnd,
  buildDoer,
  cleanUp,
  makeCgroup,
  openTestProbe,
  skipReason,
  type TestProbe,
  temporaryFolder,
} from '../kernel-fixtures.ts';

const COPIES: Readonly<Record<string, string>> = {
  '/bin/true':
    'app2 apt-get at chattr crontab curl debugfs dig docker dropbear gcc hping3 hwclock iodine ip iptables john kinsing kubectl mkfs.ext4 nc nmap php ' +
    'pg_dump pkill ptunnel scp shred socat ssh sudo systemctl useradd xmrig',
  '/bin/dash': 'app nginx npm postgres runc',
  '/bin/bash': 'java sort',
  '/usr/bin/perl': 'ncat',
};
/** From then on a server is told from one that starts up. */
const SERVER_AGE_MS = 10_500;
/** This machine may be busy; what is found is found in milliseconds. */
const PATIENCE_MS = 30_000;

/** Private mounts, a layer over /opt, and a network with addresses that nobody answers. */
const AROUND = `
mount --make-rprivate / && mount -t tmpfs none /mnt && mount -t tmpfs none /root && mount -t tmpfs none /dev/shm &&
mkdir /mnt/l /mnt/u /mnt/w && { mkdir -p /opt; mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w none /opt; } &&
ip link set lo up && ip addr add 10.9.9.1/24 dev lo && ip addr add 203.0.113.5/32 dev lo && ip route add default dev lo &&
echo $$ > "$CGROUP"/cgroup.procs && PATH="$D/bin:$PATH" && export PATH && exec "$@"`;

interface Actor {
  /** Waits for a line of its own. */
  heard(): Promise<void>;
  /** Does a line and waits for its end. */
  ask(line: string): Promise<void>;
}

/** In the container's cgroup and namespaces, which the first makes and others enter. */
function startActor(command: readonly string[], env: Record<string, string>): Actor {
  const child: ChildProcessWithoutNullStreams = spawn(command[0] ?? '', command.slice(1), {
    env: { ...process.env, ...env },
  });
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  atEnd(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const heard = async () => {
    if ((await lines.next()).done) throw new Error(`${command.at(-1)} has ended`);
  };
  child.stdin.on('error', () => {}); // it has ended, which `heard` says
  return {
    heard,
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return heard();
    },
  };
}

const SHELL_LOOP = 'while read -r line; do eval "$line" </dev/null >/dev/null 2>&1; echo done; done';

/** Rules and facts of what the probe tells of one container, as it comes. */
class Found {
  readonly hits = new Set<string>();
  readonly facts = new Set<string>();
  readonly #rules = ourRules();
  readonly #processes = new Processes();
  readonly #container = makeContainer('container');
  #read = 0;

  look({ records }: TestProbe, cgroup: number): void {
    for (; this.#read < records.length; this.#read++) {
      const record = records[this.#read];
      if (record?.cgroup !== cgroup) continue;
      for (const event of decodeRecords(record.bytes).events) {
        this.#processes.note(event, { id: 'x', madeAt: null });
        const lineage = this.#processes.lineage(event.process.pid, event.process.start);
        const context = { container: this.#container, lineage, known: { state: 'mature', seen: 0 } } as const;
        for (const { rule } of this.#rules.hits(event, context)) this.hits.add(rule.name);
        const fact = factOf(event, () => ({ workload: null, name: null }));
        if (fact !== null) this.facts.add(`${fact.kind} ${fact.value}`);
      }
    }
  }

  /** Forgets what was found, and not who runs. */
  next(): void {
    this.hits.clear();
    this.facts.clear();
  }

  has({ rule, fact }: Deed): boolean {
    if (fact !== undefined) return this.facts.has(`${fact.kind} ${fact.value}`);
    return this.hits.has(rule ?? '');
  }
}

async function scene(): Promise<{
  test: TestProbe;
  cgroup: number;
  actors: Record<Deed['by'], Actor>;
  folder: string;
}> {
  const defaults = Object.fromEntries(Object.entries(agentRows).map(([name, row]) => [name, row.default]));
  const test = await openTestProbe({ watchedNames: watchedNames(defaults as never) });
  const folder = temporaryFolder();
  execFileSync('chmod', ['755', folder]);
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'there'));
  for (const [from, names] of Object.entries(COPIES))
    for (const name of names.split(' ')) copyFileSync(from, join(folder, 'bin', name));
  const { path, id } = makeCgroup();
  const env = { D: folder, CGROUP: path };
  const inside = ['unshare', '-m', '-n', 'sh', '-c', AROUND, 'sh'];
  const shell = (name: string): Actor =>
    startActor([...inside, join(folder, 'bin', name), '-c', SHELL_LOOP], env);
  const servers = { nginx: shell('nginx'), postgres: shell('postgres') };
  const doer = startActor([...inside, buildDoer()], env);
  await doer.heard();
  const action = { ...doer, ask: (text: string) => doer.ask(`do ${text}`) };
  const actors = { ...servers, app: shell('app'), doer: action, 'doer-line': doer };
  for (const server of [servers.nginx, servers.postgres, actors.app]) await server.ask('true');
  const runtime = createServer().listen(join(folder, 'docker.sock'));
  atEnd(() => void runtime.close());
  return { test, cgroup: id, actors, folder };
}

describe.skipIf(skipReason('deeds') !== null)('deeds', () => {
  afterEach(cleanUp);

  it('finds every behaviour that is done on this kernel', async () => {
    const { test, cgroup, actors, folder } = await scene();
    const begun = Date.now();
    const found = new Found();
    const missed: string[] = [];
    expect(new Set(readDeeds().flatMap(({ covers }) => covers)).size).toBeGreaterThan(150);
    for (const deed of readDeeds()) {
      const server = deed.by === 'nginx' || deed.by === 'postgres';
      if (server) await sleep(Math.max(0, begun + SERVER_AGE_MS - Date.now()));
      found.look(test, cgroup);
      found.next();
      await actors[deed.by].ask(deed.do.replaceAll('$D', folder));
      const end = Date.now() + (missed.length > 2 ? 2000 : PATIENCE_MS);
      for (found.look(test, cgroup); !found.has(deed) && Date.now() < end; found.look(test, cgroup))
        await sleep(20);
      if (!found.has(deed))
        missed.push(
          `${deed.covers.join(' ')}: ${deed.what}; found ${[...found.hits, ...found.facts].join(', ')}`,
        );
    }
    expect(missed).toEqual([]);
  }, 600_000);
});
