/** The listener for API servers, as the settings ask for it. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../kit/clock.ts';
import type { Log } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import type { ApiActivity } from './api-activity.ts';
import { type AuditServer, createAuditServer } from './audit/server.ts';
import type { Keys } from './pki/open.ts';
import type { CentralSettings } from './settings.ts';

/** @returns null: not asked for. @throws when client certificates are to be taken, and not whose. */
export function openAuditListener(
  { settings, clock, log }: { settings: CentralSettings; clock: Clock; log: Log },
  { keys, activity, metrics }: { keys: Keys; activity: ApiActivity; metrics: Metrics },
): AuditServer | null {
  if (settings['audit-listen'] === '') return null;
  const [file, names] = [settings['audit-client-ca-file'], settings['audit-client-names']];
  if (file !== '' && names.length === 0)
    throw new Error(
      'audit-client-names: needed with audit-client-ca-file, as that authority signs for others too',
    );
  const requests = metrics.counter('audit_requests_total', 'Requests of API servers by route and outcome.', [
    'route',
    'code',
  ]);
  return createAuditServer({
    tls: keys.server,
    token: keys.auditToken,
    clients: file === '' ? null : { ca: readFileSync(file, 'utf8'), names },
    take: (rows, malformed) => activity.take(rows, malformed),
    offer: (row) => activity.offer(row),
    nowMs: clock.wallMs,
    count: (route, code) => requests.inc({ route, code }),
    log: log.child({ part: 'audit' }),
  });
}
