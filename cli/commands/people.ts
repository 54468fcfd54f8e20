/** The flags and the client of every command that asks central's API. */
import type { Flag } from '../args.ts';
import { type PeopleClient, peopleClient } from '../client/people-client.ts';
import type { Call } from '../command.ts';

export const PEOPLE_FLAGS: Readonly<Record<string, Flag>> = {
  api: { value: 'URL', sentence: "Address of central's API; default: the api-listen of this machine." },
  'token-file': {
    value: 'FILE',
    sentence: 'File with a name:token line; default: central/api-token in the state folder.',
  },
  'api-ca': {
    value: 'FILE',
    sentence: 'Authority of its certificate; default: central/ca.crt in the state folder.',
  },
};

const text = (value: string | true | undefined): string | undefined => (value === true ? undefined : value);

/** @throws UnreachableError */
export function people(call: Call): PeopleClient {
  const url = text(call.flags['api']);
  const tokenFile = text(call.flags['token-file']);
  const caFile = text(call.flags['api-ca']);
  return peopleClient({
    stateFolder: call.values['state-folder'],
    apiListen: call.values['api-listen'],
    ...(url === undefined ? {} : { url }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(caFile === undefined ? {} : { caFile }),
  });
}
