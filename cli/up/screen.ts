/** The first screen of `picket up`, for people: what was found, how far learning is, where things are, what to try. */
import type { AgentStatus, WorkloadLine } from '../client/answers.ts';
import { ago, count, safe, table } from '../text.ts';

export interface ScreenFacts {
  readonly status: AgentStatus;
  readonly workloads: readonly WorkloadLine[];
  readonly alertLog: string;
  readonly apiUrl: string;
  readonly stateFolder: string;
  /** Where the agent's log and central's are. */
  readonly logFolder: string;
  readonly learnWindows: number;
  readonly windowMs: number;
  /** Modes of the policies in force; empty: observe. */
  readonly modes: readonly string[];
  /** How this picket is called from a shell. */
  readonly command: string;
  /** Why a recording is shown in place of the kernel, or null. */
  readonly recorded: string | null;
}

const SHOWN_WORKLOADS = 12;

function hookLines(status: AgentStatus): string[] {
  const attached = status.hooks.filter((hook) => hook.state === 'attached').length;
  const missing = status.hooks.filter((hook) => hook.state !== 'attached');
  return [
    `Hooks      ${attached} of ${status.hooks.length} attached${missing.length > 0 ? '; missing:' : ''}`,
    ...missing.map(
      (hook) =>
        `             ${safe(hook.name)} (${safe(hook.reason ?? hook.state)}): picket doctor says what that costs`,
    ),
  ];
}

/** `3 of 6` while learning, the state afterwards. */
function progress(workload: WorkloadLine, learnWindows: number): string {
  if (workload.state !== 'learning') return workload.state;
  return `learning ${Math.min(workload.periods, learnWindows)} of ${learnWindows}`;
}

/** How many workloads have learnt enough to judge; one line that is rewritten on a terminal. */
export function learningLine(facts: Pick<ScreenFacts, 'workloads' | 'learnWindows' | 'windowMs'>): string {
  const { workloads, learnWindows, windowMs } = facts;
  const learnt = workloads.filter((each) => each.state !== 'learning').length;
  const slowest = Math.min(learnWindows, ...workloads.map((each) => each.periods));
  const left = Math.max(0, learnWindows - slowest) * windowMs;
  const rest = learnt < workloads.length ? `, about ${ago(left)} to go` : '';
  return `Learning   ${learnt} of ${count(workloads.length, 'workload')} learnt${rest}`;
}

function workloadTable(facts: ScreenFacts): string[] {
  if (facts.workloads.length === 0) return ['  none yet: a workload shows as soon as something runs in it'];
  const shown = facts.workloads.slice(0, SHOWN_WORKLOADS);
  const rows = shown.map((each) => [
    each.workload,
    String(each.containers),
    progress(each, facts.learnWindows),
  ]);
  const more = facts.workloads.length - shown.length;
  return [
    ...table(['WORKLOAD', 'CONTAINERS', 'STATE'], rows)
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${more} more: picket workloads`] : []),
  ];
}

function policyLine(modes: readonly string[]): string {
  const strongest = ['enforce', 'ask', 'observe'].find((mode) => modes.includes(mode)) ?? 'observe';
  return strongest === 'observe'
    ? 'Policy     observe: alerts and incidents, nothing is cut off unless a person says so'
    : `Policy     ${strongest}, as the policy files say`;
}

/** The node itself, which is watched like a container: `cluster/-/Node/NAME/host`. */
const isHost = (workload: string): boolean => workload.split('/')[2] === 'Node';

/** The whole screen, without the line `ready`. */
export function firstScreen(facts: ScreenFacts): string {
  const others = facts.workloads.filter(({ workload }) => !isHost(workload));
  const containers = others.reduce((sum, each) => sum + each.containers, 0);
  const folder = facts.stateFolder === '/var/lib/picket' ? '' : ` --state-folder ${facts.stateFolder}`;
  const port = facts.apiUrl === 'https://127.0.0.1:7444' ? '' : ` --api-listen ${new URL(facts.apiUrl).host}`;
  return [
    'picket is running on this machine.',
    '',
    ...(facts.recorded === null
      ? hookLines(facts.status)
      : [
          `Recorded   ${safe(facts.recorded)}`,
          '           What follows comes from the recording that ships with picket, not from this machine.',
          '           Within a quarter of a minute: a shell in a web shop reads a secret and sends it out.',
        ]),
    `Watching   the host, and ${count(others.length, 'workload')} in ${count(containers, 'container or service', 'containers or services')}:`,
    ...workloadTable(facts),
    learningLine(facts),
    policyLine(facts.modes),
    '',
    `Alert log  ${facts.alertLog}`,
    `API        ${facts.apiUrl} (token in ${facts.stateFolder}/central/api-token)`,
    `Logs       ${facts.logFolder}`,
    '',
    'Try next, in another terminal:',
    '  sudo npm run demo                     an attack on a sample shop: seen, contained, undone',
    `  sudo ${facts.command} status${folder}${port}`,
    `  sudo ${facts.command} workloads${folder}`,
    `  sudo ${facts.command} incidents${folder}${port}`,
    "  sudo sh -c 'cat /etc/shadow > /dev/null'   a read of a sensitive file: shows below within a moment",
    '',
  ].join('\n');
}
