/** A person says yes to the plan of an incident whose policy says "ask". */
import { EXIT } from '../args.ts';
import type { PeopleContainment } from '../client/answers.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { count } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

async function run(call: Call): Promise<number> {
  const [id = ''] = call.positionals;
  const reason = String(call.flags['reason'] ?? 'approved on the command line');
  const plan = call.flags['plan'];
  const read = typeof plan === 'string' ? { plan } : {};
  const path = `/api/v1/incidents/${encodeURIComponent(id)}/approve`;
  const answer = (await people(call).post(path, { reason, ...read })) as {
    containments: PeopleContainment[];
  };
  if (call.json) call.io.out(`${toJson(answer)}\n`);
  else {
    call.io.out(`${count(answer.containments.length, 'order')} on the way\n`);
    for (const each of answer.containments)
      call.io.out(`order ${each.id}. Take it back: picket undo ${each.id}\n`);
  }
  return EXIT.ok;
}

export const approve: Command = {
  name: 'approve',
  takes: ['INCIDENT'],
  sentence: 'Carries out the plan that an incident waits for.',
  flags: {
    plan: { value: 'PLAN', sentence: 'The plan that you have read; if another waits now, nothing is done.' },
    reason: { value: 'TEXT', sentence: 'Why; kept with the orders.' },
    ...PEOPLE_FLAGS,
  },
  settings: 'all',
  examples: ['picket approve inc-4f0c91 --plan pln-77d0a2'],
  run,
};
