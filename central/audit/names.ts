/** Names without what somebody made up for one instance, and requests without what is one instance's. */
import { type AuditEvent, outcomeOf } from './event.ts';

/** Names that controllers make up: hashes, ordinals, ids. */
const MADE_UP = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID'],
  [/-[0-9a-f]{8,10}-[a-z0-9]{5}\b/g, '-HASH'],
  [/-[bcdfghjklmnpqrstvwxz2456789]{5,10}\b/g, '-HASH'],
  [/\d+/g, 'N'],
] as const;

export const generalName = (name: string): string =>
  MADE_UP.reduce((text, [pattern, by]) => text.replace(pattern, by), name);

const VERBS: Readonly<Record<string, string>> = {
  get: 'read',
  list: 'read',
  watch: 'read',
  head: 'read',
  update: 'change',
  patch: 'change',
  apply: 'change',
  deletecollection: 'delete',
};

export const kindOfVerb = (verb: string): string => VERBS[verb] ?? verb;

/** Nodes do the same work each under its own name. */
const whoOf = (user: string): string =>
  user
    .replace(/^system:node:.*/, 'system:node:NODE')
    .replace(/^(system:serviceaccount:)(.*)$/, (_, head, name) => `${head}${generalName(name)}`);

/** What is done to what, whoever does it. */
export function deedOf(event: AuditEvent): string {
  const { verb, apiGroup, resource, subresource } = event;
  const what = kindOfVerb(verb);
  // Everybody asks which resources there are; the URLs differ with each version.
  if (resource === '') return `${what} discovery`;
  const target = `${apiGroup}/${resource}${subresource === '' ? '' : `/${subresource}`}`;
  return `${what} ${target}${outcomeOf(event) === 'refused' ? ' refused' : ''}`;
}

export const tupleOf = (event: AuditEvent): string => `${whoOf(event.user)} ${deedOf(event)}`;
