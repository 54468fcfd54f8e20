/** A person takes a containment back. */
import { EXIT } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

async function run(call: Call): Promise<number> {
  const [id = ''] = call.positionals;
  const reason = String(call.flags['reason'] ?? 'asked for on the command line');
  const path = `/api/v1/containments/${encodeURIComponent(id)}/undo`;
  const answer = await people(call).post(path, { reason });
  call.io.out(call.json ? `${toJson(answer)}\n` : `containment ${id} is being taken back\n`);
  return EXIT.ok;
}

export const undo: Command = {
  name: 'undo',
  takes: ['ORDER'],
  sentence: 'Takes a containment back; the agent lifts it as soon as it hears of it.',
  flags: { reason: { value: 'TEXT', sentence: 'Why; kept with the order.' }, ...PEOPLE_FLAGS },
  settings: 'all',
  examples: ['picket undo ord-4f0c91 --reason "image was replaced"'],
  run,
};
