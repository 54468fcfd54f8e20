/** What each channel makes of an incident's life. */
import { afterEach, expect, it } from 'vitest';
import { alertmanager } from '../../../central/notify/channels/alertmanager.ts';
import { emailHtml } from '../../../central/notify/channels/email.ts';
import { eventAction, pagerduty } from '../../../central/notify/channels/pagerduty.ts';
import { blocks, slack } from '../../../central/notify/channels/slack.ts';
import { syslogMessage } from '../../../central/notify/channels/syslog.ts';
import { format } from '../../../central/notify/formats.ts';
import type { Notification } from '../../../central/notify/notifier.ts';
import { notification } from '../../builders/notifications.ts';
import { type HttpReceiver, httpReceiver } from '../../fakes/receivers.ts';

const receivers: HttpReceiver[] = [];
afterEach(async () => {
  for (const one of receivers.splice(0)) await one.close();
});
async function receiver(body = '{}'): Promise<HttpReceiver> {
  const made = await httpReceiver(() => [200, body]);
  receivers.push(made);
  return made;
}
const bodies = ({ requests }: HttpReceiver) => requests.map(({ body }) => JSON.parse(body));

it('PagerDuty: triggered, acknowledged by a person, resolved, all under the incident', async () => {
  const hook = await receiver();
  const channel = pagerduty({ url: hook.origin, routingKey: () => 'key' });
  const life: Partial<Notification>[] = [
    { event: 'opened' },
    { event: 'executed', actor: 'policy:enforce' },
    { event: 'executed', actor: 'anna' },
    { event: 'expired', actor: 'node:node-1' },
    { event: 'closed' },
  ];
  for (const change of life) await channel.deliver([notification(change)]);
  await channel.close();
  expect(bodies(hook).map(({ event_action, dedup_key }) => [event_action, dedup_key])).toEqual([
    ['trigger', 'inc-1'],
    ['trigger', 'inc-1'],
    ['acknowledge', 'inc-1'],
    ['resolve', 'inc-1'],
  ]);
  expect(bodies(hook)[0].payload).toMatchObject({
    summary: '[high] New incident: A server started a shell (in demo/web-1/web) (local)',
    severity: 'error',
    source: 'demo/web-1/web on node-1',
    timestamp: '2027-01-02T03:04:05.000Z',
  });
  expect(eventAction(notification({ event: 'node-back' }))).toBe('resolve');
});

it('Alertmanager: fires, moves to a new severity by resolving the old one, resolves under the labels it fired with', async () => {
  const manager = await receiver('');
  const now = Date.UTC(2027, 0, 2, 4);
  const channel = alertmanager({ url: manager.origin, nowMs: () => now });
  for (const change of [
    { severity: 'high' },
    { severity: 'critical', event: 'escalated' },
    { severity: 'high', event: 'closed' },
  ] as const)
    await channel.deliver([notification(change)]);
  await channel.close();
  const told = bodies(manager).map((alerts: { labels: { severity: string }; endsAt: string }[]) =>
    alerts.map(({ labels, endsAt }) => [labels.severity, Date.parse(endsAt) <= now ? 'resolved' : 'firing']),
  );
  expect(told).toEqual([
    [['high', 'firing']],
    [
      ['high', 'resolved'],
      ['critical', 'firing'],
    ],
    [['critical', 'resolved']],
  ]);
  expect(bodies(manager)[0][0].labels).toEqual({
    alertname: 'PicketIncident',
    cluster: 'local',
    severity: 'high',
    namespace: 'demo',
    incident: 'inc-1',
  });
});

it('Slack: what follows in an incident goes into the thread of its first message', async () => {
  const api = await receiver('{"ok":true,"ts":"1700000000.1"}');
  const channel = slack({ api: api.origin, secret: () => 't', channel: '#a' });
  await channel.deliver([notification()]);
  await channel.deliver([notification({ event: 'escalated' })]);
  await channel.deliver([notification({ incident: 'inc-2' })]);
  await channel.close();
  expect(bodies(api).map(({ thread_ts }) => thread_ts)).toEqual([undefined, '1700000000.1', undefined]);
});

it('Slack: buttons say what they do, to what, and ask before they act', () => {
  const buttonsOf = (change: Partial<Notification>) =>
    (blocks(notification(change)) as { type: string; elements: { action_id: string; confirm?: object }[] }[])
      .filter(({ type }) => type === 'actions')
      .flatMap(({ elements }) =>
        elements.map(({ action_id, confirm }) => [action_id, confirm !== undefined]),
      );
  expect(buttonsOf({ event: 'approval-wanted', plan: 'pln-1' })).toEqual([
    ['approve:inc-1/pln-1', true],
    ['true-positive:inc-1', false],
    ['false-positive:inc-1', false],
  ]);
  expect(buttonsOf({ event: 'executed', orders: ['ord-1', 'ord-2'] }).slice(0, 2)).toEqual([
    ['undo:ord-1', true],
    ['undo:ord-2', true],
  ]);
  expect(buttonsOf({ event: 'closed' })).toEqual([]);
});

it('syslog: a header of RFC 5424, and values that cannot leave their quotes', () => {
  const one = notification({ cluster: 'a "b] c', event: 'approval-wanted' });
  expect(syslogMessage(one, { facility: 16, format: 'text' })).toBe(
    '<131>1 2027-01-02T03:04:05.000Z a_"b]_c picket - approval-wanted ' +
      '[picket@32473 cluster="a \\"b\\] c" incident="inc-1" severity="high" actor="central" namespace="demo"] ' +
      '\ufeff[high] Waits for your approval: A server started a shell (in demo/web-1/web) (a "b] c)',
  );
});

it('OCSF: a Detection Finding that is created, updated and closed', () => {
  const of = (change: Partial<Notification>) =>
    format(notification(change), 'ocsf') as Record<string, unknown>;
  expect(of({})).toMatchObject({
    class_uid: 2004,
    category_uid: 2,
    activity_id: 1,
    type_uid: 200401,
    severity_id: 4,
    status_id: 1,
    finding_info: { uid: 'inc-1', attacks: [{ technique: { uid: 'T1059.004' } }] },
    metadata: { version: '1.3.0', product: { name: 'picket' } },
  });
  expect(
    ['escalated', 'closed'].map((event) => of({ event: event as Notification['event'] })['type_uid']),
  ).toEqual([200402, 200403]);
});

it('Falco: priority, rule, tags and fields as its own outputs have them', () => {
  expect(format(notification(), 'falco')).toEqual({
    uuid: 'ntf-1',
    output: '[high] New incident: A server started a shell (in demo/web-1/web) (local)',
    priority: 'Error',
    rule: 'picket opened',
    source: 'picket',
    time: '2027-01-02T03:04:05.000Z',
    hostname: 'local',
    tags: ['picket', 'T1059.004'],
    output_fields: {
      'k8s.ns.name': 'demo',
      'picket.cluster': 'local',
      'picket.incident': 'inc-1',
      'picket.where': 'demo/web-1/web on node-1',
      'picket.actor': 'central',
    },
  });
});

it('mail: loads nothing from elsewhere, the newest first', () => {
  const html = emailHtml([
    notification({ title: 'older' }),
    notification({ title: 'newer', event: 'executed', orders: ['ord-9'] }),
  ]);
  expect(html).not.toMatch(/https?:|src=|<script|<link/);
  expect(html.indexOf('newer')).toBeLessThan(html.indexOf('older'));
  expect(html).toContain('picket undo ord-9');
});
