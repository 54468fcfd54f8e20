import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseNotify } from '../../../central/notify/documents.ts';
import { silencedBy, wants } from '../../../central/notify/route.ts';
import { notification } from '../../builders/notifications.ts';

const context = {
  nowMs: () => 0,
  secret: (path: string) => {
    if (path.startsWith('/absent')) throw new Error(`${path}: missing or empty`);
    return 'sesame';
  },
  file: () => 'a certificate',
};
const document = (kind: string, name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'picket.dev/v1alpha1', kind, metadata: { name }, spec });
const pager = { type: 'pagerduty', target: { routingKeyFile: '/key' } };
const read = (...documents: string[]) => parseNotify(documents.join('\n---\n'), context);

it('the example that ships can be put in force', () => {
  const path = join(import.meta.dirname, '../../../manifests/examples/notify/notify.yaml');
  const { notifiers, silences } = parseNotify(readFileSync(path, 'utf8'), context);
  expect(notifiers.map(({ name, type }) => [name, type])).toEqual([
    ['team-slack', 'slack'],
    ['on-call', 'pagerduty'],
    ['security-mail', 'email'],
    ['alertmanager', 'alertmanager'],
    ['siem', 'syslog'],
    ['lake', 'webhook'],
  ]);
  expect(silences.map(({ name }) => name)).toEqual(['load-test']);
});

it('says everything that is wrong, each with its document, path and value', () => {
  const mail = { host: 'mx', security: 'none', user: 'a', passwordFile: '/p', from: 'a@b', extra: 1 };
  const wrong = [
    document('PicketNotifier', 'on-call', { ...pager, group: '10s', match: { events: ['nothing'] } }),
    document('PicketNotifier', 'on-call', { type: 'pagerduty', target: { routingKeyFile: '/absent' } }),
    document('PicketNotifier', 'mail', { type: 'email', target: mail }),
    document('PicketNotifier', 'chat', { type: 'slack', target: {} }),
    document('PicketSilence', 'quiet', { match: {}, reason: 'because' }),
    document('PicketNotifier', 'webhook', pager),
    document('PicketNotifier', 'untold', { target: { url: 'https://192.0.2.1' } }),
  ];
  const told = (): string[] => {
    try {
      return read(...wrong).notifiers.map(({ name }) => name);
    } catch (error) {
      return (error as Error).message.split('\n').map((line) => line.trim().split('; ')[0] ?? '');
    }
  };
  expect(told().map((line) => line.split(', escalated')[0])).toEqual([
    'notify-file: 12 problem(s)',
    'document 1: spec.group: pagerduty takes one notification at a time',
    'document 1: spec.match.events: nothing: there are opened',
    'document 2: metadata.name: "on-call" is already a notifier',
    'document 2: spec.target.routingKeyFile: /absent: missing or empty',
    'document 3: spec.target.extra: no such field',
    'document 3: spec.target.security: none: a password is never sent without TLS',
    'document 3: spec.target.to: at least one address is wanted',
    'document 4: spec.target: one of tokenFile (with channel) and webhookUrlFile is wanted',
    'document 4: spec.target.webhookUrlFile: missing',
    'document 5: spec.until: missing',
    'document 6: metadata.name: "webhook" is already a notifier',
    'document 7: spec.type: missing',
  ]);
});

it('routes by namespace, severity, event and cluster', () => {
  const route = (match: object) => {
    const [made] = read(document('PicketNotifier', 'a', { ...pager, match })).notifiers;
    return (change: object) => made !== undefined && wants(made.match, notification(change));
  };
  expect(route({})({})).toBe(true);
  expect(route({ namespaces: ['pay*', 'demo'] })({ namespaces: ['demo', 'other'] })).toBe(true);
  expect(route({ namespaces: ['pay*'] })({})).toBe(false);
  expect(route({ namespaces: ['pay*'] })({ namespaces: [] })).toBe(false);
  expect(route({ minSeverity: 'high' })({ severity: 'high' })).toBe(true);
  expect(route({ minSeverity: 'critical' })({ severity: 'high' })).toBe(false);
  expect(route({ events: ['closed'] })({})).toBe(false);
  expect(route({ clusters: ['prod-*'] })({ cluster: 'prod-1' })).toBe(true);
  expect(route({ clusters: ['prod-*'] })({})).toBe(false);
});

it('a canary goes to who asks for it by name, and never to what calls people', () => {
  const canary = notification({ event: 'canary', severity: '' });
  const match = { namespaces: [], clusters: [], minSeverity: 'info' };
  expect(wants({ ...match, events: [] }, canary)).toBe(false);
  expect(wants({ ...match, events: ['canary'] }, canary)).toBe(true);
  expect(() => read(document('PicketNotifier', 'a', { ...pager, match: { events: ['canary'] } }))).toThrow(
    'document 1: spec.match.events: canary: pagerduty calls people, and nothing is wrong',
  );
});

it('a silence ends, covers all namespaces or nothing, and lets through what is more severe', () => {
  const { silences } = read(
    document('PicketSilence', 'quiet', {
      match: { namespaces: ['demo'], maxSeverity: 'high' },
      until: '2027-01-01T00:00:00Z',
      reason: 'a load test',
    }),
  );
  const end = Date.UTC(2027, 0, 1);
  const silenced = (change: object, nowMs = end - 1) =>
    silencedBy(silences, notification(change), nowMs)?.name;
  expect(silenced({})).toBe('quiet');
  expect(silenced({}, end)).toBeUndefined();
  expect(silenced({ severity: 'critical' })).toBeUndefined();
  expect(silenced({ namespaces: ['demo', 'pay'] })).toBeUndefined();
  expect(silenced({ namespaces: [] })).toBeUndefined();
});

it('people of Slack go by any name; a slash begins the role', () => {
  const target = { webhookUrlFile: '/key', signingSecretFile: '/key' };
  const people = { U1: 'alice@example.org', U2: 'Alice Smith', U3: 'Alice Smith/viewer@local/shop' };
  const chat = (of: object): string =>
    document('PicketNotifier', 'chat', { type: 'slack', target: { ...target, people: of } });
  const named = Object.values(read(chat(people)).notifiers[0]?.make().slackApp?.people ?? {});
  expect(named).toEqual([
    { name: 'alice@example.org', role: 'responder', scope: null },
    { name: 'Alice Smith', role: 'responder', scope: null },
    { name: 'Alice Smith', role: 'viewer', scope: [{ cluster: 'local', namespace: 'shop' }] },
  ]);
  for (const wrong of ['anna/admin', 'anna@local/shop', 'anna/viewer@local/shop?'])
    expect(() => read(chat({ U1: wrong }))).toThrow('NAME, NAME/ROLE');
});
