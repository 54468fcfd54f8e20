/** The agent's process: settings in, exit code out. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAddon } from '../native/index.ts';
import type { Agent, Ready } from './agent.ts';
import { Opening } from './opening.ts';
import type { AgentSettings } from './settings.ts';

export interface AgentIo {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** What is no setting: flags of `picket agent`. */
export interface AgentExtras {
  /** Writes everything that enters the pipeline to this file. */
  readonly record?: string;
  /** Leaves arguments and pod specifications out of it. */
  readonly redact?: boolean;
  /** Plays this recording in place of the machine; then the agent ends, unless it is to stay. */
  readonly replay?: string;
  /** 1: as recorded. */
  readonly speed?: number;
}

/** Stopping takes at most this long; what has not ended then is left to the kernel. */
const STOP_MS = 2800;

function version(): string {
  const up = import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json';
  return (JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { version: string }).version;
}

function readyLine({ node, hooksAttached, hooks, containers, alertLog }: Ready): string {
  return `ready node=${node} hooks=${hooksAttached}/${hooks} containers=${containers} alert-log=${alertLog}\n`;
}

/** Null where it cannot be: then the agent says why when it starts. */
function openEarly(settings: AgentSettings): Opening | null {
  try {
    return new Opening(loadAddon(), settings);
  } catch {
    return null;
  }
}

async function makeAgent(settings: AgentSettings, io: AgentIo, extras: AgentExtras): Promise<Agent> {
  const { record, redact = false, replay, speed = 1 } = extras;
  // First, and the rest of the code is loaded meanwhile: a thread of the addon loads the programs.
  const opening = replay === undefined ? openEarly(settings) : null;
  try {
    const [{ createLog }, { Agent: Made }] = await Promise.all([
      import('../kit/log.ts'),
      import('./agent.ts'),
    ]);
    const opened = async (path: string) => (await import('./events/recording.ts')).openRecording(path);
    return new Made({
      settings,
      node: settings.node || hostname(),
      version: version(),
      log: createLog({ name: 'agent', level: settings['log-level'] }),
      out: io.out,
      addon: loadAddon,
      opening,
      record: record === undefined ? null : { path: record, redact },
      replay: replay === undefined ? null : { recording: await opened(replay), speed },
    });
  } catch (error) {
    await opening?.close();
    throw error;
  }
}

/** Runs until the signal. @returns the exit code: 0 after a signal, 1 when it could not start. */
export async function runAgent(
  settings: AgentSettings,
  io: AgentIo,
  extras: AgentExtras = {},
): Promise<number> {
  const agent = await makeAgent(settings, io, extras);
  const stopped = new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    else io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  let code = 0;
  try {
    io.out(readyLine(await agent.start()));
    await stopped;
  } catch (error) {
    const { code: reason, message } = error as { code?: unknown; message?: unknown };
    agent.log.fatal({ err: error }, 'the agent cannot run');
    io.error(`picket agent: ${String(message)}${reason === undefined ? '' : ` (${String(reason)})`}\n`);
    code = 1;
  }
  const late = sleep(STOP_MS, 'late', { ref: false });
  if ((await Promise.race([agent.stop(), late])) === 'late') {
    agent.log.error({ afterMs: STOP_MS }, 'the agent did not stop in time');
    process.exit(code);
  }
  return code;
}
