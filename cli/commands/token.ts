/** Tokens of the People API, in central's file on this machine; central reads it again by itself. */
import { join } from 'node:path';
import { readPrivate, replacePrivate } from '../../central/pki/files.ts';
import { newToken, parsePeopleTokens, TOKEN_ROLES } from '../../central/pki/keys.ts';
import { parseScope } from '../../central/respond/scope.ts';
import { EXIT, UsageError } from '../args.ts';
import { UnreachableError } from '../client/unreachable.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { table } from '../text.ts';

const NAME = /^[A-Za-z0-9._@-]{1,64}$/;
const nameOf = (line: string): string => line.split(/[/:]/)[0] ?? '';

function create(call: Call, path: string, text: string, name: string): number {
  const role = call.flags['role'] ?? 'viewer';
  const known = TOKEN_ROLES.find((one) => one === role);
  if (known === undefined)
    throw new UsageError(`token: --role ${role} is not one of ${TOKEN_ROLES.join(', ')}`);
  if (!NAME.test(name))
    throw new UsageError(`token: ${JSON.stringify(name)} is not a name of A-Z a-z 0-9 . _ @ -`);
  if (parsePeopleTokens(path, text).some(({ actor }) => actor === name))
    throw new UsageError(`token: ${name} has one; picket token revoke ${name} takes it back`);
  const scope = typeof call.flags['scope'] === 'string' ? call.flags['scope'] : '';
  if (scope !== '' && parseScope(scope) === null)
    throw new UsageError(
      `token: --scope ${JSON.stringify(scope)} is not CLUSTER/NAMESPACE, comma-separated, * for any`,
    );
  const token = newToken();
  const line = `${name}/${known}${scope === '' ? '' : `@${scope}`}:${token}\n`;
  replacePrivate(path, `${text.trimEnd()}\n${line}`);
  // The one time that it is shown: whoever runs this may read the file.
  call.io.out(call.json ? `${toJson({ name, role: known, scope, token })}\n` : line);
  return EXIT.ok;
}

function revoke(call: Call, path: string, text: string, name: string): number {
  const lines = text.split('\n');
  const kept = lines.filter((line) => line.startsWith('#') || nameOf(line) !== name);
  if (kept.length === lines.length) throw new UsageError(`token: ${name} has none`);
  replacePrivate(path, kept.join('\n'));
  call.io.out(call.json ? `${toJson({ revoked: name })}\n` : `the token of ${name} is revoked\n`);
  return EXIT.ok;
}

async function run(call: Call): Promise<number> {
  const [verb, name] = call.positionals;
  const path = join(call.values['state-folder'], 'central', 'api-token');
  const text = readPrivate(path);
  if (text === null)
    throw new UnreachableError(`${path}: not there; central was never started on this machine`);
  if (verb === 'list') {
    const people = parsePeopleTokens(path, text).map(({ actor, role, scope }) => ({
      name: actor,
      role,
      scope,
    }));
    call.io.out(
      call.json
        ? `${toJson(people)}\n`
        : table(
            ['NAME', 'ROLE', 'SCOPE'],
            people.map((one) => [one.name, one.role, one.scope || 'all']),
          ),
    );
    return EXIT.ok;
  }
  if (name === undefined) throw new UsageError(`token: ${verb} of whom?`);
  if (verb === 'create') return create(call, path, text, name);
  if (verb === 'revoke') return revoke(call, path, text, name);
  throw new UsageError(`token: ${JSON.stringify(verb)} is not one of create, list, revoke`);
}

export const token: Command = {
  name: 'token',
  takes: ['create|list|revoke', '[NAME]'],
  sentence:
    "Gives a person a token of the People API, lists who has one, takes one back; on central's machine, in force at once.",
  flags: {
    role: { value: 'ROLE', sentence: `For create: ${TOKEN_ROLES.join(', ')}; default: viewer.` },
    scope: {
      value: 'PLACES',
      sentence: 'For create: CLUSTER/NAMESPACE, comma-separated, * for any; default: everywhere.',
    },
  },
  settings: 'all',
  examples: [
    'sudo picket token create anna --role responder --scope "prod/shop,test/*"',
    'sudo picket token revoke anna',
  ],
  run,
};
