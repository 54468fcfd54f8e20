/** Agent and central together on this machine: a parent of two ordinary children, and a screen for people. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CERTIFICATE } from '../../agent/uplink/files.ts';
import { EXIT } from '../args.ts';
import type { Child } from '../child.ts';
import { type AgentClient, agentClient } from '../client/agent-client.ts';
import { describeLine, followAlertLog } from '../client/alert-log.ts';
import type { AgentStatus, PolicyLine, WorkloadLine } from '../client/answers.ts';
import { apiUrl, peopleClient } from '../client/people-client.ts';
import type { Call, Command } from '../command.ts';
import { startAgent, startCentral } from '../up/children.ts';
import { kernelRefusal, shippedRecording } from '../up/kernel.ts';
import { firstScreen, learningLine, type ScreenFacts } from '../up/screen.ts';
import { alertLogPath } from './alerts.ts';

const LEARNING_TURN_MS = 1000;
/** How long learning is shown on a terminal: long enough for the settings that ship. */
const LEARNING_LIMIT_MS = 120_000;

interface Running {
  readonly central: Child;
  readonly agent: Child;
}

async function facts(call: Call, client: AgentClient, recorded: string | null): Promise<ScreenFacts> {
  const { values } = call;
  const stateFolder = values['state-folder'];
  const people = peopleClient({ stateFolder, apiListen: values['api-listen'] });
  const { policies } = (await people.get('/api/v1/policies')) as { policies: PolicyLine[] };
  return {
    status: (await client.get('/status')) as AgentStatus,
    workloads: ((await client.get('/workloads')) as { workloads: WorkloadLine[] }).workloads,
    alertLog: alertLogPath(values),
    apiUrl: apiUrl(values['api-listen']),
    stateFolder,
    logFolder: join(stateFolder, 'logs'),
    learnWindows: values['learn-windows'],
    windowMs: values.window,
    modes: policies.filter((each) => each.inForce).map((each) => each.document.spec?.mode ?? 'observe'),
    recorded,
    command: process.env['PICKET_INTERNAL_COMMAND'] ?? 'picket',
  };
}

/** On a terminal one line is rewritten until everything is learnt; elsewhere one line says when it is. */
async function showLearning(call: Call, client: AgentClient, stop: AbortSignal): Promise<void> {
  const end = Date.now() + LEARNING_LIMIT_MS;
  const settings = { learnWindows: call.values['learn-windows'], windowMs: call.values.window };
  while (!stop.aborted && Date.now() < end) {
    const { workloads } = (await client.get('/workloads')) as { workloads: WorkloadLine[] };
    const done = workloads.length > 0 && workloads.every((each) => each.state !== 'learning');
    const line = learningLine({ ...settings, workloads });
    if (call.io.terminal) call.io.out(`\r\x1b[K${line}${done ? '\n' : ''}`);
    else if (done) call.io.out(`${line}\n`);
    if (done) return;
    await sleep(LEARNING_TURN_MS, undefined, { signal: stop }).catch(() => {});
  }
}

async function showAlerts(call: Call, stop: AbortSignal): Promise<void> {
  const shown = new Set<string>();
  for await (const { text, value } of followAlertLog(alertLogPath(call.values), 'end', stop)) {
    if (call.json) call.io.out(`${text}\n`);
    // An alert that grew is not told again: `picket alerts` has every revision.
    else if (value.kind === 'alert' && !shown.has(value.id)) {
      shown.add(value.id);
      call.io.out(`${call.io.terminal ? '\r\x1b[K' : ''}${describeLine(value)}\n`);
    }
  }
}

/** Until a signal, or until a child ends; then both are stopped, the agent first, so that central takes its last words. */
async function attend(call: Call, running: Running, client: AgentClient): Promise<number> {
  const over = new AbortController();
  const stop = AbortSignal.any([call.io.signal, over.signal]);
  const ignore = (): void => {}; // the agent went away: its ending is told below
  const shows = [showLearning(call, client, stop).catch(ignore), showAlerts(call, stop)];
  const stopped = new Promise<null>((resolve) =>
    stop.addEventListener('abort', () => resolve(null), { once: true }),
  );
  const ended = (child: Child): Promise<string> => child.ended.then((ending) => child.explain(ending));
  const why = call.io.signal.aborted
    ? null
    : await Promise.race([stopped, ended(running.agent), ended(running.central)]);
  over.abort();
  await Promise.all(shows);
  if (why === null) return EXIT.ok;
  call.io.error(`picket: ${why}\n`);
  return EXIT.failed;
}

function needsRoot(call: Call): boolean {
  if (process.getuid?.() === 0) return false;
  call.io.error(
    [
      'picket: loading kernel probes needs root. Run:',
      '',
      '  sudo npm start',
      '',
      'or, to see it work on a recording instead:',
      '',
      '  npm start -- --recorded --state-folder "$HOME/.picket"',
      '',
      '',
    ].join('\n'),
  );
  return true;
}

/** Why a recording is shown in place of this machine, or null. */
async function whyRecorded(call: Call): Promise<string | null> {
  if (call.flags['recorded'] === true) return 'it was asked for (--recorded)';
  const refusal = await kernelRefusal();
  return refusal === null ? null : `this machine's kernel refuses the probes: ${refusal}`;
}

const isEnrolled = (stateFolder: string): boolean => existsSync(join(stateFolder, 'agent', CERTIFICATE));

async function run(call: Call): Promise<number> {
  if (call.flags['recorded'] !== true && needsRoot(call)) return EXIT.failed;
  const { io, values } = call;
  const recorded = await whyRecorded(call);
  const options = { io, values, flags: call.settings };
  const central = startCentral(options);
  let agent: Child | null = null;
  try {
    // An agent that has its certificate need not wait for central: what it finds waits in its spool.
    if (!isEnrolled(values['state-folder'])) await interruptible(central.ready, io.signal);
    agent = startAgent(options, recorded === null ? [] : shippedRecording());
    const [ready] = await interruptible(Promise.all([agent.ready, central.ready]), io.signal);
    const client = agentClient(values['state-folder']);
    if (!call.json) io.out(firstScreen(await facts(call, client, recorded)));
    io.out(`${ready}\n`);
    return await attend(call, { central, agent }, client);
  } catch (error) {
    if (io.signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    await agent?.stop();
    await central.stop();
  }
}

/** Rejects when the signal comes first. */
function interruptible<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

export const up: Command = {
  name: 'up',
  takes: [],
  sentence:
    'Runs agent and central on this machine, shows what was found and, from then on, one line per alert; Ctrl-C stops both.',
  flags: { recorded: { sentence: 'Take the recording that ships in place of this machine; needs no root.' } },
  settings: 'all',
  examples: [
    'sudo npm start',
    'sudo picket up --policy-files my-policies.yaml',
    'sudo picket up --pods http://127.0.0.1:10255/pods',
    'picket up --recorded --state-folder "$HOME/.picket"',
  ],
  run,
};
