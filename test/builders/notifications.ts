/** A notification with everything in it. */
import type { Notification } from '../../central/notify/notifier.ts';

export function notification(change: Partial<Notification> = {}): Notification {
  return {
    id: 'ntf-1',
    event: 'opened',
    atMs: Date.UTC(2027, 0, 2, 3, 4, 5),
    cluster: 'local',
    incident: 'inc-1',
    severity: 'high',
    title: 'A server started a shell (in demo/web-1/web)',
    text: '',
    orders: [],
    actor: 'central',
    namespaces: ['demo'],
    places: ['demo/web-1/web on node-1'],
    techniques: ['T1059.004'],
    timeline: [{ atMs: Date.UTC(2027, 0, 2, 3, 4, 4), text: 'A server started a shell.' }],
    ...change,
  };
}
