/**
 * From an action in a container to the end of its network, stage by stage, without a person: agent and central as they
 * are shipped, as two processes with their own TLS between them. Another node's network adds its way there and back.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../kit/clock.ts';
import { Child } from '../child.ts';
import { agentClient } from '../client/agent-client.ts';
import { type PeopleClient, peopleClient } from '../client/people-client.ts';
import { cgroup2Root } from '../demo/cgroups.ts';
import { startAgent } from './agent.ts';
import { type Container, makeContainer, TOP } from './container.ts';
import type { Bench, Figure, Measured, Measurement } from './measurement.ts';

const PATH = '/etc/shadow';
const [TIMES, QUICK_TIMES] = [100, 5];
/** Not below /tmp: a program from there is a detection of its own, and starts before it does what is measured. */
const SERVERS = '/var/lib/picket-bench-';
/** Numbers of makeContainer: not those of other measurements. */
const FIRST_CONTAINER = 1000;
const LIMIT_MS = 30_000;
const GAP_MS = 150;
/** Of the time of alert-and-wait that automatic containment saved in the paper. */
const PAPER_CUT = 0.67;
const POLICY = `apiVersion: picket.dev/v1alpha1
kind: PicketPolicy
metadata: { name: bench }
spec:
  match: { minSeverity: medium }
  mode: enforce
  action: { networkDeny: true, killOnExec: false, lease: 5m }
  limits: { maxContainers: 10000, maxPercentOfWorkload: 100, perHour: 10000 }
`;

/** What is worth a containment here. */
const SEVERITIES = ['medium', 'high', 'critical'];

/** ms after the action: its line in the alert log, the incident's plan, the order, the kernel's entry. */
const STAGES = ['detection', 'incident', 'order', 'effect'] as const;
type Times = Readonly<Record<(typeof STAGES)[number], number>>;

interface Seen {
  /** By container: when it read the file, CLOCK_BOOTTIME ns, and when the first line about that came, Unix time, ms. */
  readonly lines: Map<string, { readonly bootNs: bigint; readonly at: number }>;
  readonly people: PeopleClient;
  readonly state: string;
  /** A shell with a server's name. */
  readonly server: string;
}

async function until<T>(what: string, signal: AbortSignal, look: () => Promise<T | null>): Promise<T> {
  for (const end = performance.now() + LIMIT_MS; ; ) {
    signal.throwIfAborted();
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${LIMIT_MS / 1000} s`);
    await sleep(20);
  }
}

interface Line {
  readonly container: { readonly id: string };
  readonly severity: string;
  readonly boot_ns: string;
}
interface Listed {
  readonly id: string;
  readonly container: { readonly id: string };
  readonly incident: string;
  readonly issuedMs: number;
}

/** The server in a container, which runs what is written to it. */
async function attack(server: string, { folder }: Container): Promise<void> {
  const enter = 'echo $$ > "$0"/cgroup.procs && exec "$1"';
  const child = spawn('sh', ['-c', enter, folder, server], { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await sleep(GAP_MS);
  child.stdin.end(`cat ${PATH}\n`);
  await ended;
}

/** One attack; the containment of it stays, as its container goes. */
async function once(bench: Bench, seen: Seen, container: Container): Promise<Times> {
  const { people, lines, state, server } = seen;
  const clock = systemClock();
  const wallOf = (bootNs: bigint): number => Date.now() - Number(clock.bootNs() - bootNs) / 1e6;
  await attack(server, container);
  const { signal } = bench;
  const detected = await until('the alert line', signal, async () => lines.get(container.id) ?? null);
  const began = wallOf(detected.bootNs);
  const order = await until('the order', signal, async () => {
    const all = (await people.get('/api/v1/containments?limit=1000')) as { containments: Listed[] };
    return all.containments.find((each) => each.container.id === container.id) ?? null;
  });
  const { steps } = (await people.get(`/api/v1/steps?limit=1000&incident=${order.incident}`)) as {
    steps: { action: string; atMs: number }[];
  };
  // Newest first: the plan that the order is from.
  const planned = steps.find(({ action, atMs }) => action === 'plan' && atMs <= order.issuedMs);
  const entry = await until('the entry in the kernel', signal, async () => {
    const { leases, kernel } = (await agentClient(state).get('/containments')) as {
      leases: { order: string; containerId: string }[];
      kernel: { cgroup: number; since: string }[];
    };
    const known = leases.some((lease) => lease.order === order.id);
    return known ? (kernel.find(({ cgroup }) => cgroup === container.cgroup) ?? null) : null;
  });
  const effect = wallOf(BigInt(entry.since));
  return {
    detection: detected.at - began,
    incident: (planned?.atMs ?? Number.NaN) - began,
    order: order.issuedMs - began,
    effect: effect - began,
  };
}

const rank = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)] ??
  Number.NaN;

/** The longest a person may take for automatic containment to save less than the paper says. */
export function humanDelayMs({ total, alert, act }: { total: number; alert: number; act: number }): number {
  return Math.max(0, total / (1 - PAPER_CUT) - alert - act);
}

function figuresOf(all: readonly Times[]): Figure[] {
  const of = (stage: (typeof STAGES)[number]): readonly number[] => all.map((times) => times[stage]);
  const lines = STAGES.map((stage): Figure => {
    const values = of(stage);
    const here = `p50 ${rank(values, 0.5).toFixed(1)} ms, p99 ${rank(values, 0.99).toFixed(1)}, max ${Math.max(...values).toFixed(1)}, n ${values.length}`;
    return { what: `action to ${stage}`, here, target: '', holds: null, others: '' };
  });
  const delays = [0.5, 0.99].map((share) =>
    humanDelayMs({
      total: rank(of('effect'), share),
      alert: rank(of('detection'), share),
      act: rank(
        all.map(({ order, effect }) => effect - order),
        share,
      ),
    }),
  );
  const [usual = Number.NaN, worst = Number.NaN] = delays;
  return [
    ...lines,
    {
      what: 'person who approves: automatic saves less than 67 % only below',
      here: `${usual.toFixed(0)} ms (p50), ${worst.toFixed(0)} ms (p99)`,
      target: 'a person needs longer',
      holds: worst < 1000,
      others: '',
    },
  ];
}

async function withProcesses<T>(bench: Bench, work: (seen: Seen) => Promise<T>): Promise<T> {
  const folder = join(bench.folder, 'response');
  const { entry, environment } = bench;
  const policy = join(bench.folder, 'response-policy.yaml');
  writeFileSync(policy, POLICY);
  const listen = ['central-listen', 'api-listen', 'central-metrics-listen'].map(
    (name) => `--${name}=127.0.0.1:0`,
  );
  const servers = mkdtempSync(SERVERS);
  const server = join(servers, 'nginx');
  copyFileSync('/bin/sh', server);
  const central = new Child({
    entry,
    args: ['central', `--state-folder=${folder}`, `--policy-files=${policy}`, ...listen],
    logFile: join(folder, 'central.log'),
    environment,
  });
  try {
    const said = new Map(
      (await central.ready).split(' ').map((field) => field.split(/=(.*)/s, 2) as [string, string]),
    );
    const lines: Seen['lines'] = new Map();
    const joining = {
      'central-url': said.get('agents') ?? '',
      'ca-file': join(folder, 'central', 'ca.crt'),
      'join-token-file': join(folder, 'central', 'join-token'),
    };
    const onLine = (line: string): void => {
      const now = Date.now();
      if (!line.includes('"kind":"detection"') || !line.includes(PATH)) return;
      const { container, severity, boot_ns } = JSON.parse(line) as Line;
      if (SEVERITIES.includes(severity) && !lines.has(container.id))
        lines.set(container.id, { bootNs: BigInt(boot_ns), at: now });
    };
    // Only what is below our own group: nobody else's containers are cut off.
    const own = {
      'cgroup-root': join(cgroup2Root() ?? '', TOP),
      'alert-log-stdout': 'true',
      kubernetes: 'off',
    };
    const agent = await startAgent({ entry, environment, folder, settings: { ...joining, ...own }, onLine });
    try {
      const api = new URL(said.get('api') ?? 'https://127.0.0.1');
      const people = peopleClient({ stateFolder: folder, apiListen: api.host });
      await until('enrolment', bench.signal, async () => {
        const { central: joined } = (await agentClient(folder).get('/status')) as {
          central: { enrolled: boolean };
        };
        return joined.enrolled ? true : null;
      });
      return await work({ lines, people, state: folder, server });
    } finally {
      await agent.stop();
    }
  } finally {
    await central.stop();
    rmSync(servers, { recursive: true });
  }
}

async function run(bench: Bench): Promise<Measured> {
  const times = bench.quick ? QUICK_TIMES : TIMES;
  makeContainer(FIRST_CONTAINER);
  const all = await withProcesses(bench, async (seen) => {
    const found: Times[] = [];
    for (let i = 1; i <= times; i += 1) {
      bench.signal.throwIfAborted();
      bench.progress(`response: ${i} of ${times}`);
      const container = makeContainer(FIRST_CONTAINER + i);
      // Its cgroup is told of at once; a container has run for a moment when it is attacked.
      await sleep(GAP_MS + ((i * 7) % 31));
      try {
        found.push(await once(bench, seen, container));
      } finally {
        await container.remove();
      }
    }
    return found;
  });
  await makeContainer(FIRST_CONTAINER).remove();
  return { figures: figuresOf(all), values: all };
}

export const response: Measurement = {
  name: 'response',
  sentence: 'Time from a read of /etc/shadow in a container to alert line, incident, order and cut network.',
  run,
};
