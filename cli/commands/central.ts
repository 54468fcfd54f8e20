/** The aggregator alone: what the Deployment runs. */
import type { Call, Command } from '../command.ts';

async function run(call: Call): Promise<number> {
  const { runCentral } = await import('../../central/main.ts');
  return runCentral(call.values);
}

export const central: Command = {
  name: 'central',
  takes: [],
  sentence:
    'Runs the aggregator: accepts summaries, joins alerts into incidents, signs orders, serves the API. Prints "ready ...".',
  flags: {},
  settings: 'central',
  examples: [
    'picket central --policy-files policies.yaml',
    'picket central --central-listen 0.0.0.0:7443 --central-names picket.example',
  ],
  run,
};
