/** What runs on this machine: what each container uses, how often it began anew, and how it ended before. */
import type { Ended } from '../../agent/identity/lives.ts';
import { EXIT } from '../args.ts';
import { agentClient } from '../client/agent-client.ts';
import type { WatchedContainer } from '../client/answers.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { ago, table } from '../text.ts';

/** What is not known, of which 0 would be a lie. */
const UNKNOWN = '-';
const MIB = 1024 ** 2;

const ofLimit = (
  value: number | null | undefined,
  limit: number | null | undefined,
  unit: number,
): string => {
  if (value == null) return UNKNOWN;
  const text = (each: number): string => (unit === 1 ? String(each) : (each / unit).toFixed(1));
  return limit == null ? text(value) : `${text(value)} of ${text(limit)}`;
};

/** `signal 9, out of memory, after 12 s`. */
function endWords({ lifetimeMs, status, oom }: Ended): string {
  const how =
    status === null
      ? 'end not seen'
      : (status & 127) === 0
        ? `exit ${status >> 8}`
        : `signal ${status & 127}`;
  const after = lifetimeMs === null ? '' : `, after ${ago(lifetimeMs)}`;
  return `${how}${oom ? ', out of memory' : ''}${after}`;
}

function cells(container: WatchedContainer, windowMs: number): unknown[] {
  const { id, name, pod, namespace, kind, aliveMs, resources, life } = container;
  const cpu = resources?.cpuUs ?? null;
  const memory = resources?.workingSetBytes ?? resources?.memoryBytes;
  return [
    name,
    kind === 'container' ? id.slice(0, 12) : kind,
    pod === '' ? UNKNOWN : `${namespace}/${pod}`,
    aliveMs === null ? UNKNOWN : ago(aliveMs),
    cpu === null ? UNKNOWN : (cpu / 10 / windowMs).toFixed(1),
    ofLimit(memory, resources?.memoryLimitBytes, MIB),
    ofLimit(resources?.pids, resources?.pidsLimit, 1),
    life.restarts,
    life.last === null ? '' : endWords(life.last),
  ];
}

async function run(call: Call): Promise<number> {
  const answer = await agentClient(call.values['state-folder']).get('/containers');
  if (call.json) {
    call.io.out(`${toJson(answer)}\n`);
    return EXIT.ok;
  }
  const { containers: lines } = answer as { containers: WatchedContainer[] };
  const rows = lines.map((each) => cells(each, call.values.window));
  const head = ['CONTAINER', 'ID', 'POD', 'AGE', 'CPU %', 'MEMORY MIB', 'TASKS', 'RESTARTS', 'LAST END'];
  call.io.out(table(head, rows));
  return EXIT.ok;
}

export const containers: Command = {
  name: 'containers',
  takes: [],
  sentence:
    'Lists the containers and services of this machine: what each used in the last window (CPU in % of one, memory without cache that can be dropped), how often it began anew, and how it ended before.',
  flags: {},
  settings: 'all',
  examples: ['sudo picket containers', 'picket containers --json'],
  run,
};
