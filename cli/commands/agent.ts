/** The node agent alone: what the DaemonSet runs. */
import { UsageError } from '../args.ts';
import type { Call, Command } from '../command.ts';

function readSpeed(given: string | true | undefined): number {
  const speed = given === undefined ? 1 : Number(given);
  if (!(speed > 0)) throw new UsageError(`agent: --speed ${given} is not a number above 0`);
  return speed;
}

const text = (value: string | true | undefined): string | undefined => (value === true ? undefined : value);

async function run(call: Call): Promise<number> {
  const { runAgent } = await import('../../agent/main.ts');
  const [record, replay] = [text(call.flags['record']), text(call.flags['replay'])];
  return runAgent(call.values, call.io, {
    ...(record === undefined ? {} : { record, redact: call.flags['redact'] === true }),
    ...(replay === undefined ? {} : { replay, speed: readSpeed(call.flags['speed']) }),
  });
}

export const agent: Command = {
  name: 'agent',
  takes: [],
  sentence:
    'Runs the node agent: probes, baselines, alert log, uplink, containment. Prints a line "ready ..." once it counts.',
  flags: {
    record: { value: 'FILE', sentence: 'Write everything that enters the pipeline to a recording.' },
    redact: { sentence: 'Leave arguments of programs and details of pods out of it.' },
    replay: {
      value: 'FILE',
      sentence: 'Take a recording in place of the kernel; nothing is contained then.',
    },
    speed: { value: 'FACTOR', sentence: 'Pace of --replay; 1: as it was recorded [1].' },
  },
  settings: 'agent',
  examples: [
    'sudo picket agent --pods /run/pods.json --alert-log /var/log/picket/alerts.ndjson',
    "sudo picket agent --central-url ''",
    'sudo picket agent --record night.pkt.gz --redact',
  ],
  run,
};
