/** Words that every channel shares: what happened, where, since when, and what one can do about it. */
import type { Notification, NotificationEvent } from './notifier.ts';

const HAPPENED: Readonly<Record<NotificationEvent, string>> = {
  opened: 'New incident',
  escalated: 'Incident has become worse',
  executed: 'Contained',
  undone: 'Containment taken back',
  expired: 'Containment ended',
  'approval-wanted': 'Waits for your approval',
  closed: 'Incident closed',
  feedback: 'Verdict given',
  'node-back': 'Node is back',
  canary: 'Canary, nothing is wrong',
  test: 'Test message',
};
export const happened = (event: NotificationEvent): string => HAPPENED[event];

/** On one line, without control characters, and no longer than `most`. */
export function plain(text: string, most: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: names come from watched workloads
  const flat = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  return flat.length <= most ? flat : `${flat.slice(0, most - 1)}…`;
}
/** As plain, but lines stay lines. */
export function plainLines(text: string, most: number): string {
  const indent = (line: string): string => /^ */.exec(line)?.[0] ?? '';
  const lines = text.split('\n').map((line) => indent(line) + plain(line, most));
  const whole = lines.join('\n').trimEnd();
  return whole.length <= most ? whole : `${whole.slice(0, most - 1)}…`;
}

/** `[high] New incident: a shell was started (local)`. */
export function headline({ severity, event, title, cluster }: Notification, most = 200): string {
  const mark = severity === '' ? '' : `[${severity}] `;
  return plain(`${mark}${happened(event)}: ${title} (${cluster})`, most);
}

export const utc = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** What a person types to go on from here. */
export function commands({ event, incident, orders, plan }: Notification): string[] {
  const lines: string[] = [];
  if (incident !== '') lines.push(`picket incidents ${incident}`);
  if (event === 'approval-wanted')
    lines.push(`picket approve ${incident}${plan === undefined ? '' : ` --plan ${plan}`}`);
  if (event === 'executed') for (const order of orders.slice(0, 5)) lines.push(`picket undo ${order}`);
  return lines;
}

/** Name and value, for what is known. */
export function details(one: Notification): [string, string][] {
  const rows: [string, string][] = [
    ['Severity', one.severity],
    ['Where', one.places.join(', ')],
    ['Techniques', one.techniques.join(', ')],
    ['By', one.actor],
    ['Incident', one.incident],
    ['Time', utc(one.atMs)],
  ];
  return rows.filter(([, value]) => value !== '').map(([name, value]) => [name, plain(value, 500)]);
}

/** The whole message as plain text. */
export function asText(one: Notification): string {
  const story = one.timeline.map(({ atMs, text }) => `  ${utc(atMs)}  ${plain(text, 300)}`);
  return [
    headline(one),
    '',
    ...details(one).map(([name, value]) => `${name}: ${value}`),
    ...(story.length === 0 ? [] : ['', 'What happened:', ...story]),
    ...(one.text === '' ? [] : ['', plainLines(one.text, 4000)]),
    ...(commands(one).length === 0 ? [] : ['', ...commands(one).map((line) => `  ${line}`)]),
    '',
  ].join('\n');
}
