/** What the agent of this machine watches: state, age and quality of each baseline. */
import { EXIT } from '../args.ts';
import { agentClient } from '../client/agent-client.ts';
import type { WorkloadLine } from '../client/answers.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { ago, table } from '../text.ts';

/** Why periods were not learnt; nothing to say when all were. */
function quality({ incomplete, withheld }: WorkloadLine): string {
  const parts = [
    ...(incomplete > 0 ? [`${incomplete} periods with losses left out`] : []),
    ...(withheld > 0 ? [`${withheld} with detections left out`] : []),
  ];
  return parts.length === 0 ? 'complete' : parts.join(', ');
}

/** Alerts by evidence alone, and in how many container-hours that were seen whole. */
function alarms({ promise }: WorkloadLine): string {
  return promise === undefined ? '-' : `${promise.alarms} in ${promise.hours.toFixed(1)} h`;
}

/** Whether the kernel side tells what its containers never did; some learn while others guard. */
function mode({ containers, guarding }: WorkloadLine): string {
  if (guarding === 0) return 'learn';
  return guarding >= containers ? 'guard' : `guard ${guarding}`;
}

async function run(call: Call): Promise<number> {
  const answer = await agentClient(call.values['state-folder']).get('/workloads');
  if (call.json) {
    call.io.out(`${toJson(answer)}\n`);
    return EXIT.ok;
  }
  const { workloads: lines } = answer as { workloads: WorkloadLine[] };
  const rows = lines.map((each) => [
    each.workload,
    each.containers,
    each.state,
    `${each.periods} (${ago(each.periods * call.values.window)})`,
    each.starts,
    mode(each),
    each.pairs,
    each.suspects,
    alarms(each),
    quality(each),
  ]);
  call.io.out(
    table(
      [
        'WORKLOAD',
        'CONTAINERS',
        'STATE',
        'PERIODS LEARNT',
        'STARTS',
        'MODE',
        'PAIRS',
        'SUSPECTS',
        'ALARMS',
        'QUALITY',
      ],
      rows,
    ),
  );
  return EXIT.ok;
}

export const workloads: Command = {
  name: 'workloads',
  takes: [],
  sentence:
    "Lists what the agent watches: a baseline's state, how many windows it learnt, whether its containers learn or guard, pairs of system calls that are known, facts that are not learnt as they were called strange, alerts by evidence alone in how many hours of its containers, and what was left out.",
  flags: {},
  settings: 'all',
  examples: ['sudo picket workloads', 'picket workloads --json --state-folder /var/lib/picket'],
  run,
};
