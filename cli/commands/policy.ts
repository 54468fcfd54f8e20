/** What may be done where: the policies in force. */
import { EXIT } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { safe, table } from '../text.ts';
import { PEOPLE_FLAGS, people } from './people.ts';

interface Listed {
  readonly kind: string;
  readonly name: string;
  readonly version: string;
  readonly inForce: boolean;
  readonly place: number;
  readonly source: string;
  readonly document: {
    readonly spec?: {
      readonly mode?: string;
      readonly match?: {
        readonly namespaces?: readonly string[];
        readonly workloads?: readonly string[];
        readonly minSeverity?: string;
      };
    };
  };
}

function text(all: readonly Listed[]): string {
  const policies = all
    .filter(({ kind, inForce }) => kind === 'PicketPolicy' && inForce)
    .toSorted((a, b) => a.place - b.place);
  if (policies.length === 0) return 'no policy in force: everything is observed and nothing is done\n';
  const rows = policies.map(({ name, version, source, document }) => {
    const { mode = '', match = {} } = document.spec ?? {};
    const where =
      [...(match.namespaces ?? []), ...(match.workloads ?? [])].map(safe).join(' ') || 'everywhere';
    return [safe(name), safe(mode), match.minSeverity ?? 'high', where, version, safe(source)];
  });
  return `${table(['POLICY', 'MODE', 'FROM', 'WHERE', 'VERSION', 'SOURCE'], rows)}The first that fits decides; where none fits, picket observes.\n`;
}

async function run(call: Call): Promise<number> {
  const answer = (await people(call).get('/api/v1/policies')) as { policies: Listed[] };
  call.io.out(call.json ? `${toJson(answer)}\n` : text(answer.policies));
  return EXIT.ok;
}

export const policy: Command = {
  name: 'policy',
  takes: [],
  sentence: 'Lists the policies in force, in the order in which they decide.',
  flags: PEOPLE_FLAGS,
  settings: 'all',
  examples: ['picket policy'],
  run,
};
