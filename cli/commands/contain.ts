/** A person cuts a container off: the plan is printed, then carried out by central's order to the node. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UNLISTED } from '../../agent/identity/container.ts';
import { CLUSTER_ACTIONS } from '../../central/respond/cluster/index.ts';
import { allowedProblems, NOTHING_TO_ALLOW } from '../../central/respond/policy.ts';
import { EXIT, showDuration, UsageError } from '../args.ts';
import type { Activity, ContainerLine, ListedContainment, PeopleContainment } from '../client/answers.ts';
import type { PeopleClient } from '../client/people-client.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { safe } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

export interface Wanted {
  readonly incident?: string;
  readonly container?: string;
  readonly networkDeny: boolean;
  readonly killOnExec: boolean;
  readonly execDeny: boolean;
  readonly cutProbes: boolean;
  readonly allow: readonly string[];
  readonly freeze: boolean;
  readonly kill: boolean;
  readonly cluster: readonly string[];
  readonly lease: string;
  readonly reason: string;
}

interface Made {
  readonly containments: readonly PeopleContainment[];
  /** Left out by centrals of before there were any. */
  readonly clusterOrders?: readonly { readonly id: string; readonly action: string }[];
}
const CLUSTER_WORDS = new Map(CLUSTER_ACTIONS.map(({ name, sentence }) => [name, sentence]));

/** A node without an order stream answers with its next summary. */
const ANSWER_MS = 15_000;
const LOOK_MS = 100;

/** What is cut and what stays open, for people. The open ways are those that the node's programs cannot close. */
export function planInWords(who: string, wanted: Wanted): string {
  const { networkDeny, killOnExec, execDeny, cutProbes, allow, freeze, kill, cluster } = wanted;
  return [
    `Plan for ${who}, for ${wanted.lease}, because: ${safe(wanted.reason)}`,
    networkDeny ? '  cut:   IP traffic in and out, also of connections that are open now' : null,
    networkDeny && cutProbes ? "  cut:   the node's own probes" : null,
    ...allow.map((rule) => `  open:  as asked: ${rule}`),
    killOnExec ? '  cut:   new programs: whatever is executed is killed' : null,
    execDeny
      ? '  cut:   new programs: refused where the kernel has BPF LSM; the node says below whether it has'
      : null,
    freeze ? '  cut:   all that runs in it: frozen' : null,
    kill ? '  done:  every process in it is killed, once; nothing takes that back' : null,
    ...cluster.map(
      (name) => `  also:  ${safe(name)} in the cluster: ${CLUSTER_WORDS.get(name) ?? 'not known'}`,
    ),
    networkDeny ? null : '  open:  the network',
    networkDeny && !cutProbes ? '  open:  connections that the node itself begins (probes)' : null,
    networkDeny ? '  open:  packet sockets, and what other containers do for it' : null,
    killOnExec || execDeny || freeze ? null : '  open:  new programs',
    freeze ? null : '  open:  processes that run now, files and volumes, unix sockets',
    freeze ? '  open:  files and volumes, for others' : null,
    networkDeny || killOnExec || execDeny || freeze
      ? '  undo:  picket undo ORDER, or the end of the lease'
      : '  undo:  none',
    freeze ? '         without an agent a frozen container stays frozen until one starts' : null,
    '',
  ]
    .filter((line) => line !== null)
    .join('\n');
}

/** Of a pod, not the sandbox: it sends nothing itself, and who speaks through its namespaces is judged by its own cgroup. */
const isNamed = ({ pod, name, workload }: ContainerLine, text: string): boolean =>
  (pod === text && !workload.endsWith(`/${UNLISTED}`)) || name === text;

/** The container whose id starts so, or whose pod is named so. @throws UsageError when none or several fit. */
export async function findContainer(client: PeopleClient, text: string): Promise<ContainerLine> {
  const asked = `/api/v1/containers?limit=1000&called=${encodeURIComponent(text)}`;
  const { containers } = (await client.get(asked)) as { containers: ContainerLine[] };
  const fits = containers.filter((each) => each.id.startsWith(text) || isNamed(each, text));
  const [only] = fits;
  if (only !== undefined && fits.length === 1) return only;
  if (only === undefined)
    throw new UsageError(`contain: no live container ${JSON.stringify(text)}; picket workloads lists them`);
  const list = fits.slice(0, 8).map((each) => `\n  ${each.id.slice(0, 12)}  ${safe(each.pod || each.name)}`);
  throw new UsageError(`contain: ${fits.length} containers fit ${JSON.stringify(text)}:${list.join('')}`);
}

function readWanted(call: Call): Omit<Wanted, 'incident' | 'container'> {
  const { flags } = call;
  const lease = String(flags['lease'] ?? '10m');
  const leaseMs = parseDuration('--lease', lease);
  const wanted = {
    networkDeny: flags['no-network'] !== true,
    killOnExec: flags['no-exec'] !== true,
    execDeny: flags['deny-exec'] === true,
    freeze: flags['freeze'] === true,
    kill: flags['kill'] === true,
    cluster: typeof flags['cluster'] === 'string' ? flags['cluster'].split(',') : [],
    cutProbes: flags['cut-probes'] === true,
    allow: typeof flags['allow'] === 'string' ? flags['allow'].split(',').map((rule) => rule.trim()) : [],
    lease: showDuration(leaseMs),
    reason: String(flags['reason'] ?? 'asked for on the command line'),
  };
  for (const name of wanted.cluster)
    if (!CLUSTER_WORDS.has(name))
      throw new UsageError(
        `contain: --cluster ${JSON.stringify(name)}: not one of ${[...CLUSTER_WORDS.keys()].join(', ')}`,
      );
  const problems = allowedProblems(wanted.allow);
  if (!wanted.networkDeny && wanted.allow.length > 0) problems.push(NOTHING_TO_ALLOW);
  if (problems.length > 0) throw new UsageError(`contain: --allow: ${problems.join('; ')}`);
  const onNode = wanted.networkDeny || wanted.killOnExec || wanted.execDeny || wanted.freeze || wanted.kill;
  if (!onNode && wanted.cluster.length === 0)
    throw new UsageError('contain: --no-network and --no-exec together leave nothing to do');
  return wanted;
}

async function involvedIn(client: PeopleClient, incident: string): Promise<readonly string[]> {
  const found = (await client.get(`/api/v1/incidents/${encodeURIComponent(incident)}`)) as {
    involved: readonly { readonly id: string }[];
  };
  return found.involved.map(({ id }) => id);
}

async function activityOf(client: PeopleClient, containers: readonly string[]): Promise<Activity[]> {
  const found: Activity[] = [];
  for (const id of containers)
    found.push((await client.get(`/api/v1/containers/${id}/activity`)) as Activity);
  return found;
}

/** What it did in the last hours that the plan would have stopped. */
export function wouldHaveCut(
  did: Activity,
  { networkDeny, killOnExec, execDeny, freeze, kill }: Wanted,
): string {
  const all = freeze || kill;
  const lines = [`Dry run: ${did.container.slice(0, 12)} since ${new Date(did.sinceMs).toISOString()}`];
  if (did.windows === 0) lines.push('  nothing is known of what it did');
  if (did.windows > 0 && (networkDeny || all))
    lines.push(
      `  would have cut: ${did.connects} connections out, ${did.accepts} in, ${did.datagrams} datagrams, ${did.dnsQuestions} DNS questions; ${did.bytesIn} bytes in, ${did.bytesOut} out`,
    );
  if (did.windows > 0 && (killOnExec || execDeny || all))
    lines.push(
      `  would have ${killOnExec || all ? 'killed' : 'refused'}: ${did.execs} programs at their start`,
    );
  for (const { atMs, detector, summary } of did.detections)
    lines.push(`  seen ${new Date(atMs).toISOString()} ${safe(detector)}: ${safe(summary)}`);
  return `${lines.join('\n')}\n`;
}

/** What the node said, or null when it did not answer in time. */
async function outcomeOf(client: PeopleClient, order: string): Promise<ListedContainment | null> {
  for (let waited = 0; waited < ANSWER_MS; waited += LOOK_MS) {
    const { containments } = (await client.get('/api/v1/containments?limit=1000')) as {
      containments: ListedContainment[];
    };
    const found = containments.find(({ id }) => id === order);
    if (found !== undefined && found.state !== 'queued' && found.state !== 'sent') return found;
    await sleep(LOOK_MS);
  }
  return null;
}

const VERIFIED: Readonly<Record<string, string>> = {
  tried: 'verified from inside',
  'read-back': 'read back, not tried from inside',
  no: 'NOT VERIFIED',
};

export function outcomeInWords(found: ListedContainment | null): string {
  if (found === null)
    return '  the node has not answered yet; picket contain waits no longer, the order stands\n';
  const { state, detail, effect } = found;
  const lines = [`  ${state}${detail === '' ? '' : `: ${safe(detail)}`}`];
  if (effect !== null && effect !== undefined)
    lines.push(
      `  ${VERIFIED[effect.verified] ?? safe(effect.verified)}`,
      ...effect.proof.map((each) => `    ${safe(each)}`),
      ...effect.open.map((each) => `    open on this kernel: ${safe(each)}`),
    );
  return `${lines.join('\n')}\n`;
}

async function run(call: Call): Promise<number> {
  const { io } = call;
  const [target = ''] = call.positionals;
  const wanted = readWanted(call);
  const client = people(call);
  const container = target.startsWith('inc-') ? null : await findContainer(client, target);
  const who =
    container === null
      ? `incident ${target}`
      : `container ${container.id.slice(0, 12)} (${safe(container.pod || container.name)})`;
  const body: Wanted =
    container === null ? { ...wanted, incident: target } : { ...wanted, container: container.id };
  if (!call.json) io.out(planInWords(who, body));
  if (call.flags['dry-run'] === true) {
    const did = await activityOf(
      client,
      container === null ? await involvedIn(client, target) : [container.id],
    );
    if (call.json) io.out(`${toJson({ plan: body, activity: did })}\n`);
    else for (const each of did) io.out(wouldHaveCut(each, body));
    return EXIT.ok;
  }
  const answer = (await client.post('/api/v1/containments', body)) as Made;
  if (call.json) {
    io.out(`${toJson(answer)}\n`);
    return EXIT.ok;
  }
  for (const { id, action } of answer.clusterOrders ?? [])
    io.out(`order ${id}: ${safe(action)} in the cluster. Take it back: picket undo ${id}\n`);
  for (const each of answer.containments) {
    io.out(`order ${each.id}: ${each.state}. Take it back: picket undo ${each.id}\n`);
    io.out(outcomeInWords(await outcomeOf(client, each.id)));
  }
  return EXIT.ok;
}

export const contain: Command = {
  name: 'contain',
  takes: ['INCIDENT|CONTAINER'],
  sentence:
    "Cuts an incident's containers, or one container (start of its id, or its pod's name), off for a time; prints what is cut and what stays open.",
  flags: {
    lease: { value: 'DURATION', sentence: 'How long it lasts unless taken back or asked for again [10m].' },
    'no-network': { sentence: 'Leave the network as it is.' },
    'no-exec': { sentence: 'Kill no new programs.' },
    'deny-exec': {
      sentence:
        'Refuse new programs, so that who asks for them goes on: by BPF LSM, where the kernel has it.',
    },
    freeze: { sentence: 'Freeze all that runs in it; thawed by the agent at the end.' },
    kill: { sentence: 'Kill every process in it, once; nothing takes that back.' },
    cluster: {
      value: 'ACTIONS',
      sentence: `Also in the cluster, comma-separated: ${[...CLUSTER_WORDS.keys()].join(', ')}.`,
    },
    allow: {
      value: 'RULES',
      sentence:
        'Let through all the same, comma-separated: dns, to ADDRESS[/PREFIX] [tcp|udp] [PORT[-PORT]], from ... likewise.',
    },
    'cut-probes': { sentence: "Cut the node's own probes too; the kubelet will then restart the container." },
    reason: { value: 'TEXT', sentence: 'Why; kept with the order.' },
    'dry-run': { sentence: 'Print the plan and what it would have cut in the last 6 hours, and do nothing.' },
    ...PEOPLE_FLAGS,
  },
  settings: 'all',
  examples: [
    'picket contain inc-4f0c --reason "shell in web"',
    'picket contain 9b1d2c --lease 1h --no-exec',
    'picket contain web-7d9f-x2x --dry-run',
    'picket contain web-7d9f-x2x --allow "dns,to 10.0.0.0/8 tcp 5432"',
  ],
  run,
};
