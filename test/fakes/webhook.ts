/** The other end of the generic webhook: keeps what it is told, answers as it is told to. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Notification } from '../../central/notify/notifier.ts';

export interface WebhookFake {
  readonly url: string;
  readonly received: { readonly notification: Notification; readonly genuine: boolean }[];
  /** Statuses of the next answers; 200 when there are none. */
  readonly answers: number[];
  close(): Promise<void>;
}

/** Checks the signature in the way a receiver would, from its description. */
function genuine(secret: string, header: string, body: string): boolean {
  const parts = new Map(header.split(',').map((part) => part.split('=', 2) as [string, string]));
  const wanted = createHmac('sha256', secret)
    .update(`${parts.get('t')}.${body}`)
    .digest();
  const given = Buffer.from(parts.get('v1') ?? '', 'hex');
  const young = Math.abs(Date.now() / 1000 - Number(parts.get('t'))) < 300;
  return young && given.length === wanted.length && timingSafeEqual(given, wanted);
}

export async function webhookFake(secret: string): Promise<WebhookFake> {
  const received: { notification: Notification; genuine: boolean }[] = [];
  const answers: number[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const status = answers.shift() ?? 200;
      if (status === 200) {
        const header = String(request.headers['x-picket-signature']);
        received.push({ notification: JSON.parse(body), genuine: genuine(secret, header, body) });
      }
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
