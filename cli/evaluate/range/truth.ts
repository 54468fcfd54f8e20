/**
 * What really happened in a range: the folder that it leaves behind, with attacks (labels), containers and their lives, operator
 * actions and marks, one JSON object a line. Times are Unix seconds.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

type Json = Readonly<Record<string, unknown>>;

/** A process of an attack, in the numbering of the machine. */
export interface LabelProcess {
  readonly pid: number;
  readonly exe: string;
}

export interface Label {
  readonly name: string;
  readonly tactic: string;
  readonly variant: string;
  /** done, partial, failed or not-run. */
  readonly outcome: string;
  readonly container: string;
  readonly pod: string;
  readonly workload: string;
  readonly node: string;
  readonly involved: readonly {
    readonly container: string;
    readonly pod: string;
    readonly workload: string;
  }[];
  readonly start: number;
  readonly end: number;
  /** When its traces were removed; `end` where nothing was to be removed. */
  readonly cleanEnd: number;
  readonly processes: readonly LabelProcess[];
  /** Of the attacked container. */
  readonly firstPid: number;
  /** It made no process: what it did is done by the application itself. */
  readonly inProcess: boolean;
  /** Its whole line: addresses of peers are somewhere in it. */
  readonly text: string;
}

export interface LiveContainer {
  readonly id: string;
  readonly pod: string;
  readonly podUid: string;
  readonly workload: string;
  readonly node: string;
  readonly pause: string;
  readonly start: number;
  stop: number;
}

/** What an operator did, on purpose and rightly. */
export interface OperatorAction {
  readonly action: string;
  readonly start: number;
  readonly end: number;
  readonly containers: readonly string[];
}

export interface Truth {
  readonly labels: readonly Label[];
  readonly containers: ReadonlyMap<string, LiveContainer>;
  readonly actions: readonly OperatorAction[];
  /** The range was up from here. */
  readonly up: number;
  /** Scored is what lies between. */
  readonly from: number;
  readonly to: number;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(object) : []);
const wall = (value: unknown): number => number(object(value)['wall']);

/** A line that was cut or is no object is left out: the range may still be writing. */
export function readLines(content: string): Json[] {
  return content.split('\n').flatMap((line) => {
    if (!line.trim().startsWith('{')) return [];
    try {
      return [object(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

function labelOf(line: Json): Label {
  const evidence = list(line['evidence']).map((entry) => text(entry['check']));
  // Its process events were seen, and none of them started a program.
  const noExec = line['n_exec'] === 0 && typeof line['first_event'] === 'number';
  const processes = list(line['pids']);
  return {
    name: text(line['name']),
    tactic: text(line['tactic']),
    variant: text(line['variant']),
    outcome: text(line['outcome']),
    container: text(line['container_id']),
    pod: text(line['pod']),
    workload: text(line['workload']),
    node: text(line['node']),
    involved: list(line['involved']).map((entry) => ({
      container: text(entry['container_id']),
      pod: text(entry['pod']),
      workload: text(entry['workload']),
    })),
    start: wall(line['start']),
    end: wall(line['end']),
    cleanEnd: wall(line['clean_end']) || wall(line['end']),
    processes: processes.map((entry) => ({ pid: number(entry['pid']), exe: text(entry['exe']) })),
    firstPid: number(line['pid']),
    inProcess: evidence.includes('noexec') || (noExec && processes.length === 0),
    text: JSON.stringify(line),
  };
}

/** A container that begins in a pod ends the one before it there. */
function containersOf(lines: readonly Json[], to: number): Map<string, LiveContainer> {
  const containers = new Map<string, LiveContainer>();
  for (const line of lines) {
    const [id, pod, at] = [text(line['container_id']), text(line['pod']), number(line['wall'])];
    if (line['event'] === 'start') {
      for (const other of containers.values())
        if (other.pod === pod && other.stop === Number.POSITIVE_INFINITY) other.stop = at;
      containers.set(id, {
        id,
        pod,
        podUid: text(line['pod_uid']),
        workload: text(line['workload']) || '?',
        node: text(line['node']),
        pause: text(line['pause_id']),
        start: at,
        stop: Number.POSITIVE_INFINITY,
      });
    } else if (line['event'] === 'stop') {
      const container = containers.get(id);
      if (container !== undefined) container.stop = at;
    }
  }
  for (const container of containers.values())
    if (container.stop === Number.POSITIVE_INFINITY) container.stop = to;
  return containers;
}

/** The files' contents, by name without `.ndjson`. */
export interface TruthFiles {
  readonly labels: string;
  readonly session: string;
  readonly lifecycle: string;
  readonly benign: string;
}

/** Scored is from the last mark `learn-end`, without one from `up`, to the last mark of all. @throws when there is no mark. */
export function truthOf(files: TruthFiles): Truth {
  const labels = readLines(files.labels).map(labelOf);
  const session = readLines(files.session);
  const marks = [
    ...session.map((line) => number(line['wall'])),
    ...labels.flatMap(({ start, end }) => [start, end]),
  ];
  if (marks.length === 0) throw new Error('no marks and no labels: this is no folder of a range');
  const last = (event: string): number | undefined => {
    const found = session.findLast((line) => line['event'] === event);
    return found === undefined ? undefined : number(found['wall']);
  };
  const up = last('up') ?? Math.min(...marks);
  const to = Math.max(...marks);
  return {
    labels,
    containers: containersOf(readLines(files.lifecycle), to),
    actions: readLines(files.benign).map((line) => ({
      action: text(line['action']),
      start: wall(line['start']),
      end: wall(line['end']),
      containers: list(line['pods']).map((pod) => text(pod['container_id'])),
    })),
    up,
    from: last('learn-end') ?? up,
    to,
  };
}

/** Reads the folder; files that are not there are empty. */
export async function readTruth(folder: string): Promise<Truth> {
  const read = (name: string): Promise<string> =>
    readFile(join(folder, `${name}.ndjson`), 'utf8').catch(() => '');
  const [labels, session, lifecycle, benign] = await Promise.all(
    ['labels', 'session', 'lifecycle', 'benign'].map(read),
  );
  return truthOf({
    labels: labels ?? '',
    session: session ?? '',
    lifecycle: lifecycle ?? '',
    benign: benign ?? '',
  });
}
