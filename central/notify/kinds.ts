/** The kinds of notifiers: what the `target` of each says, and how its channel is made. */
import { at, list, type Mapping, mapping, type Reader } from '../respond/document.ts';
import { parseScope, type Scope } from '../respond/scope.ts';
import { alertmanager } from './channels/alertmanager.ts';
import { email, SECURITIES } from './channels/email.ts';
import { pagerduty } from './channels/pagerduty.ts';
import { slack } from './channels/slack.ts';
import { syslog, TRANSPORTS } from './channels/syslog.ts';
import { webhook } from './channels/webhook.ts';
import { FORMATS } from './formats.ts';
import type { Channel } from './notifier.ts';

export interface Context {
  readonly nowMs: () => number;
  /** The text of a file that only its owner may read. @throws when it is missing, empty, or open to others. */
  readonly secret: (path: string) => string;
  /** The text of any file. @throws */
  readonly file: (path: string) => string;
}
/** Where a Slack app's buttons come back. */
export interface SlackPerson {
  readonly name: string;
  readonly role: 'viewer' | 'responder';
  readonly scope: Scope;
}
export interface SlackApp {
  readonly signingSecret: () => string;
  /** Slack's user id → the name that what the person does is written down under. */
  readonly people: Readonly<Record<string, SlackPerson>>;
  /** Origin that answers to people are posted to. */
  readonly responses: string;
}
export interface Made {
  readonly channel: Channel;
  readonly slackApp?: SlackApp;
}
interface Kind {
  /** Several notifications can stand in one message. */
  readonly grouped: boolean;
  /** It calls people, so that what is no trouble may not go there. */
  readonly pages?: boolean;
  readonly fields: readonly string[];
  make(reader: Reader, target: Mapping, context: Context): Made;
}

const URL_TEXT = /^https?:\/\/[^\s]+$/;
function url(reader: Reader, target: Mapping, name: string, missing: string | null): string {
  const text = reader.text(at(target, name), missing);
  if (text !== '' && !URL_TEXT.test(text)) reader.wanted(at(target, name), 'an http or https address');
  return URL_TEXT.test(text) ? text : 'http://127.0.0.1:9';
}
/** Reads the file once, so that what is wrong with it is said at the start; and anew for each use. */
function secret(reader: Reader, target: Mapping, name: string, { secret: read }: Context): () => string {
  const path = reader.text(at(target, name), null);
  if (path === '') return () => '';
  try {
    read(path);
  } catch (error) {
    reader.violation(at(target, name), error instanceof Error ? error.message : String(error));
  }
  return () => read(path);
}
const given = (target: Mapping, name: string): boolean => at(target, name).value !== undefined;
function authority(reader: Reader, target: Mapping, { file }: Context): { ca?: string } {
  if (!given(target, 'caFile')) return {};
  try {
    return { ca: file(reader.text(at(target, 'caFile'), null)) };
  } catch (error) {
    reader.violation(at(target, 'caFile'), error instanceof Error ? error.message : String(error));
    return {};
  }
}

/** A name may be an address or have spaces; a slash begins the role. */
const PERSON = /^([^/]{1,256})(?:\/(viewer|responder)(?:@(\S+))?)?$/;
const NOBODY: SlackPerson = { name: '', role: 'viewer', scope: [] };

/** As in tokens; without a role a responder, and nothing here is an admin's. */
function personOf(text: string): SlackPerson | null {
  const [, name, role = 'responder', places] = PERSON.exec(text) ?? [];
  const scope = places === undefined ? null : parseScope(places);
  if (name === undefined || (places !== undefined && scope === null)) return null;
  return { name, role: role === 'viewer' ? 'viewer' : 'responder', scope };
}

function slackApp(reader: Reader, target: Mapping, context: Context): { slackApp?: SlackApp } {
  if (!given(target, 'signingSecretFile')) return {};
  const people = mapping(reader, at(target, 'people'), null);
  const named = Object.keys(people.value).map((id) => {
    const field = at(people, id);
    const person = personOf(reader.text(field, null));
    if (person === null) reader.wanted(field, 'NAME, NAME/ROLE or NAME/ROLE@CLUSTER/NAMESPACE');
    return [id, person ?? NOBODY] as const;
  });
  return {
    slackApp: {
      signingSecret: secret(reader, target, 'signingSecretFile', context),
      people: Object.fromEntries(named),
      responses: new URL(url(reader, target, 'responses', 'https://hooks.slack.com')).origin,
    },
  };
}

export const KINDS: Readonly<Record<string, Kind>> = {
  slack: {
    grouped: true,
    fields: [
      'channel',
      'tokenFile',
      'webhookUrlFile',
      'api',
      'signingSecretFile',
      'people',
      'responses',
      'caFile',
    ],
    make(reader, target, context) {
      const byToken = given(target, 'tokenFile');
      if (byToken === given(target, 'webhookUrlFile'))
        reader.violation(target, 'one of tokenFile (with channel) and webhookUrlFile is wanted');
      const channel = byToken ? reader.text(at(target, 'channel'), null) : null;
      const key = secret(reader, target, byToken ? 'tokenFile' : 'webhookUrlFile', context);
      const api = url(reader, target, 'api', 'https://slack.com/api').replace(/\/$/, '');
      const made = slack({ api, secret: key, channel, ...authority(reader, target, context) });
      return { channel: made, ...slackApp(reader, target, context) };
    },
  },
  pagerduty: {
    grouped: false,
    pages: true,
    fields: ['routingKeyFile', 'url', 'caFile'],
    make: (reader, target, context) => ({
      channel: pagerduty({
        url: url(reader, target, 'url', 'https://events.pagerduty.com'),
        routingKey: secret(reader, target, 'routingKeyFile', context),
        ...authority(reader, target, context),
      }),
    }),
  },
  email: {
    grouped: true,
    fields: ['host', 'port', 'security', 'user', 'passwordFile', 'from', 'to', 'caFile'],
    make(reader, target, context) {
      const security = reader.choice(at(target, 'security'), SECURITIES, 'starttls');
      const authenticated = given(target, 'passwordFile');
      if (authenticated && security === 'none')
        reader.violation(at(target, 'security'), 'none: a password is never sent without TLS');
      const to = list(reader, at(target, 'to'), []);
      if (to.length === 0) reader.violation(at(target, 'to'), 'at least one address is wanted');
      return {
        channel: email({
          host: reader.text(at(target, 'host'), null),
          port: reader.integer(at(target, 'port'), [1, 65_535], security === 'tls' ? 465 : 587),
          security,
          user: reader.text(at(target, 'user'), authenticated ? null : ''),
          password: authenticated ? secret(reader, target, 'passwordFile', context) : null,
          from: reader.text(at(target, 'from'), null),
          to,
          ...authority(reader, target, context),
        }),
      };
    },
  },
  alertmanager: {
    grouped: false,
    pages: true,
    fields: ['url', 'caFile'],
    make: (reader, target, context) => ({
      channel: alertmanager({
        url: url(reader, target, 'url', null),
        nowMs: context.nowMs,
        ...authority(reader, target, context),
      }),
    }),
  },
  webhook: {
    grouped: false,
    fields: ['url', 'secretFile', 'format', 'caFile'],
    make: (reader, target, context) => ({
      channel: webhook({
        url: url(reader, target, 'url', null),
        secret: given(target, 'secretFile') ? secret(reader, target, 'secretFile', context) : null,
        format: reader.choice(at(target, 'format'), FORMATS, 'picket'),
        nowMs: context.nowMs,
        ...authority(reader, target, context),
      }),
    }),
  },
  syslog: {
    grouped: false,
    fields: ['transport', 'host', 'port', 'facility', 'format', 'caFile'],
    make(reader, target, context) {
      const transport = reader.choice(at(target, 'transport'), TRANSPORTS, 'tls');
      return {
        channel: syslog({
          transport,
          host: reader.text(at(target, 'host'), null),
          port: reader.integer(at(target, 'port'), [1, 65_535], transport === 'tls' ? 6514 : 514),
          facility: reader.integer(at(target, 'facility'), [0, 23], 16),
          format: reader.choice(at(target, 'format'), ['text', ...FORMATS] as const, 'text'),
          ...authority(reader, target, context),
        }),
      };
    },
  },
};
