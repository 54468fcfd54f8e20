/**
 * One run of a range from nothing to nothing: up, the shipped agent beside it with shipped settings, learning load, attacks under
 * load, quiet load, down. Everything is recorded into one folder, so that the run can be replayed and scored again.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from '../../child.ts';

export interface DriveOptions {
  /** The program `range`. */
  readonly program: string;
  /** Runs at the same time have different numbers: of scratch folders, cgroups and ports. */
  readonly number: number;
  readonly seed: number;
  readonly learnSeconds: number;
  readonly quietSeconds: number;
  /** Where what is recorded goes. */
  readonly folder: string;
  readonly scratch: string;
  /** File that starts picket. */
  readonly entry: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

const FIRST_API_PORT = 18_001;
const FIRST_AGENT_PORT = 17_451;
/** Longer than the range lets an alert come late. */
const GAP_SECONDS = 17;

/** Runs `range VERB`; rejects with the end of what it printed. An end that is not 0 is no failure where `lenient`. */
function verb(
  { program, signal }: DriveOptions,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  lenient = false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'], signal });
    let text = '';
    const keep = (piece: Buffer): void => {
      text = `${text}${piece.toString('utf8')}`.slice(-64 * 1024);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 || lenient ? resolve(text) : reject(new Error(`range ${args[0]}: ${text.slice(-2000)}`)),
    );
  });
}

function environmentOf({ number, folder, scratch, environment }: DriveOptions): NodeJS.ProcessEnv {
  return {
    ...environment,
    RANGE_DIR: join(scratch, String(number)),
    RANGE_OUT: folder,
    RANGE_CGROUP: `picket-range-${number}`,
    RANGE_API_PORT: String(FIRST_API_PORT + number),
  };
}

function agentOf(options: DriveOptions): Child {
  const { number, folder, entry, environment } = options;
  const flags = {
    'state-folder': join(folder, 'state'),
    'alert-log': join(folder, 'alerts.ndjson'),
    'alert-log-bytes': '4GiB',
    pods: `http://127.0.0.1:${FIRST_API_PORT + number}/api/v1/pods`,
    'central-url': '',
    'agent-listen': `127.0.0.1:${FIRST_AGENT_PORT + number}`,
    'pin-folder': `/sys/fs/bpf/picket-range-${number}`,
    record: join(folder, 'recording.pkt.gz'),
  };
  return new Child({
    entry,
    args: [
      'agent',
      '--containment=false',
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    logFile: join(folder, 'agent.log'),
    environment,
  });
}

/** Resolves when all is over and cleaned; what was recorded is in `folder`. */
export async function drive(options: DriveOptions): Promise<void> {
  const { folder, seed, learnSeconds, quietSeconds, say, program } = options;
  const environment = environmentOf(options);
  await mkdir(folder, { recursive: true });
  say(`seed ${seed}: up`);
  try {
    await verb(options, ['up'], environment);
    const agent = agentOf(options);
    try {
      await agent.ready;
      say(`seed ${seed}: learning ${learnSeconds} s, then attacks, then ${quietSeconds} s of quiet`);
      const run = ['--learn', learnSeconds, '--soak', quietSeconds, '--seed', seed, '--gap', GAP_SECONDS];
      // Attacks that did not reach their target make its exit code 1; the labels tell.
      const told = await verb(options, ['run', ...run.map(String)], environment, true);
      await writeFile(join(folder, 'run.log'), told);
    } finally {
      await agent.stop();
    }
  } finally {
    await new Promise((resolve) => execFile(program, ['down'], { env: environment }, resolve));
    say(`seed ${seed}: down`);
  }
}
