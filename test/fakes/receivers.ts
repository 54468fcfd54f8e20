/** The other ends of notifiers: each keeps what it is told, in its own words, and can be told to refuse. */
import { createSocket } from 'node:dgram';
import { createServer as createHttp, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { SMTPServer } from 'smtp-server';

export interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export interface HttpReceiver {
  readonly origin: string;
  readonly requests: Request[];
  /** Statuses of the next answers; when there are none, what `reply` says. */
  readonly refusals: { status: number; headers?: Record<string, string> }[];
  close(): Promise<void>;
}
export interface KeyPair {
  readonly key: string;
  readonly certificate: string;
}

/** Where a receiver is; a free port of this machine's loopback unless told otherwise. */
export interface Place {
  readonly host: string;
  readonly port: number;
}
const ANYWHERE: Place = { host: '127.0.0.1', port: 0 };

const listen = (server: Server | ReturnType<typeof createHttp>, { host, port }: Place): Promise<number> =>
  new Promise((resolve) => server.listen(port, host, () => resolve((server.address() as AddressInfo).port)));

/** `reply` checks a request as the real receiver would: status and body of the answer. */
export async function httpReceiver(
  reply: (request: Request) => [number, string],
  place = ANYWHERE,
): Promise<HttpReceiver> {
  const requests: Request[] = [];
  const refusals: HttpReceiver['refusals'] = [];
  const server = createHttp((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const refusal = refusals.shift();
      if (refusal !== undefined) return response.writeHead(refusal.status, refusal.headers).end();
      const one = { path: request.url ?? '', headers: request.headers, body };
      const [status, text] = reply(one);
      if (status < 300) requests.push(one);
      return response.writeHead(status).end(text);
    });
  });
  const port = await listen(server, place);
  return {
    origin: `http://${place.host}:${port}`,
    requests,
    refusals,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user: string;
  readonly raw: string;
}
export interface MailReceiver {
  readonly port: number;
  readonly mails: Mail[];
  /** SMTP codes with which the next messages are refused. */
  readonly refusals: number[];
  close(): Promise<void>;
}

/** A real SMTP server. Login wants `anna` with `password`; without one, none is offered. */
export async function mailReceiver(options: {
  security: 'tls' | 'starttls' | 'none';
  pair: KeyPair;
  password?: string;
  place?: Place;
}): Promise<MailReceiver> {
  const mails: Mail[] = [];
  const refusals: number[] = [];
  const { pair, security, password } = options;
  const server = new SMTPServer({
    secure: security === 'tls',
    key: pair.key,
    cert: pair.certificate,
    authOptional: password === undefined,
    hideSTARTTLS: security === 'none',
    disabledCommands: password === undefined ? ['AUTH'] : [],
    onAuth: (auth, _session, done) =>
      auth.username === 'anna' && auth.password === password
        ? done(null, { user: 'anna' })
        : done(Object.assign(new Error('no such login'), { responseCode: 535 })),
    onData(stream, session, done) {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        const refusal = refusals.shift();
        if (refusal !== undefined) return done(Object.assign(new Error('no'), { responseCode: refusal }));
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: String(session.user ?? ''),
          raw: Buffer.concat(pieces).toString('utf8'),
        });
        return done();
      });
    },
  });
  // Clients that break off are what some tests are about.
  server.on('error', () => {});
  const port = await listen(server.server as Server, options.place ?? ANYWHERE);
  return {
    port,
    mails,
    refusals,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export interface SyslogReceiver {
  readonly port: number;
  readonly messages: string[];
  close(): Promise<void>;
}

/** Reads octet-counted frames, as RFC 6587 and RFC 5425 write them. */
function frames(socket: Socket, messages: string[]): void {
  let held = Buffer.alloc(0);
  socket.on('data', (piece: Buffer) => {
    held = Buffer.concat([held, piece]);
    for (;;) {
      const space = held.indexOf(0x20);
      const length = Number(held.subarray(0, Math.max(space, 0)).toString('ascii'));
      if (space < 1 || held.length < space + 1 + length) return;
      messages.push(held.subarray(space + 1, space + 1 + length).toString('utf8'));
      held = held.subarray(space + 1 + length);
    }
  });
}

export async function syslogReceiver(
  transport: 'tls' | 'tcp' | 'udp',
  pair: KeyPair,
): Promise<SyslogReceiver> {
  const messages: string[] = [];
  if (transport === 'udp') {
    const socket = createSocket('udp4', (message) => messages.push(message.toString('utf8')));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    let closed: Promise<void> | null = null;
    const close = (): Promise<void> => {
      closed ??= new Promise((resolve) => socket.close(() => resolve()));
      return closed;
    };
    return { port, messages, close };
  }
  const open = new Set<Socket>();
  const take = (socket: Socket): void => {
    open.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => open.delete(socket));
    frames(socket, messages);
  };
  const server =
    transport === 'tls' ? createTls({ key: pair.key, cert: pair.certificate }, take) : createTcp(take);
  const port = await listen(server, ANYWHERE);
  return {
    port,
    messages,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
