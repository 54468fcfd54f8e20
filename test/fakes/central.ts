/** A small central: real TLS 1.3, HTTP/2 and certificates, and an answer to each request that the test can choose. */
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Authority, createAuthority } from '../../central/pki/authority.ts';
import { type OrderSigner, openOrderSigner } from '../../central/pki/keys.ts';
import { systemClock } from '../../kit/clock.ts';
import {
  decodeSummary,
  delimit,
  encodeOrder,
  encodeReply,
  encodeSignedOrder,
  type Input,
  type Order,
  SCHEMA_VERSION,
  type SignedOrder,
  type Summary,
} from '../../wire/index.ts';

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly retryAfter?: number;
}
/** `lose`: the summary is stored and the answer never comes. */
export type Choice = 'accept' | 'lose' | Refusal;

export interface FakeCentral {
  readonly url: string;
  readonly authority: Authority;
  readonly signer: OrderSigner;
  readonly token: string;
  /** Each summary that was stored, once. */
  readonly stored: Summary[];
  /** Every request for /v1/summaries, stored or not: its sequence. */
  readonly tried: number[];
  readonly connections: () => number;
  readonly streams: () => number;
  choose: (summary: Summary) => Choice;
  paceMs: number;
  /** Null: as a central that has none. */
  hashKeys: readonly string[] | null;
  /** Into every reply. */
  pending: SignedOrder[];
  sign(order: Input<Order>): SignedOrder;
  push(order: SignedOrder): void;
  heartbeat(): void;
  /** Stops listening and breaks every connection; `up` listens on the same port again. */
  down(): Promise<void>;
  up(): Promise<void>;
}

function bodyOf(request: Http2ServerRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => resolve(Buffer.concat(pieces)));
    request.on('aborted', () => reject(new Error('cut off')));
  });
}

export async function startFakeCentral(folder: string): Promise<FakeCentral> {
  const clock = systemClock();
  const authority = await createAuthority({ folder, clock });
  const signer = await openOrderSigner(folder);
  const { key, certificate } = await authority.server(['localhost', '127.0.0.1']);
  const seen = new Set<string>();
  const streams = new Set<Http2ServerResponse>();
  const sockets = new Set<TLSSocket>();

  const respond = (
    response: Http2ServerResponse,
    status: number,
    body: Uint8Array | string,
    headers = {},
  ): void => {
    response.writeHead(status, headers);
    response.end(body);
  };
  const refuse = (response: Http2ServerResponse, { status, code, retryAfter }: Refusal): void => {
    const headers = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
    respond(response, status, JSON.stringify({ error: { code, message: `refused with ${code}` } }), headers);
  };

  async function summaries(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const summary = decodeSummary(await bodyOf(request));
    fake.tried.push(summary.sequence);
    const choice = fake.choose(summary);
    if (typeof choice === 'object') return refuse(response, choice);
    const id = `${summary.boot} ${summary.sequence}`;
    const duplicate = seen.has(id);
    if (!duplicate) fake.stored.push(summary);
    seen.add(id);
    if (choice === 'lose') return response.stream.close();
    const reply = {
      schema: SCHEMA_VERSION,
      sequence: summary.sequence,
      duplicate,
      paceMs: fake.paceMs,
      orders: fake.pending,
    };
    respond(response, 200, encodeReply(reply), { 'content-type': 'application/x-protobuf' });
  }

  async function enrol(
    request: Http2ServerRequest,
    response: Http2ServerResponse,
    renewal: boolean,
  ): Promise<void> {
    const { token, cluster, node, csr } = JSON.parse(String(await bodyOf(request)));
    if (!renewal && token !== fake.token) return refuse(response, { status: 401, code: 'PICKET_TOKEN' });
    const made = await authority.signNode(csr, { cluster, node });
    const orderKeys = [{ id: signer.id, publicKey: signer.publicKey }];
    respond(
      response,
      200,
      JSON.stringify({
        certificate: made.certificate,
        ca: authority.certificate,
        orderKeys,
        ...(fake.hashKeys === null ? {} : { hashKeys: fake.hashKeys }),
      }),
    );
  }

  const server = createSecureServer({
    key,
    cert: certificate,
    ca: authority.certificate,
    minVersion: 'TLSv1.3',
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', (request, response) => {
    const socket = (request.stream?.session?.socket ?? request.socket) as TLSSocket;
    // A connection that the test breaks is no failure of the fake.
    response.on('error', () => undefined);
    if (request.url === '/v1/enrol') return void enrol(request, response, false);
    if (!socket.authorized) return refuse(response, { status: 401, code: 'PICKET_CERTIFICATE' });
    if (request.url === '/v1/renew') return void enrol(request, response, true);
    if (request.url === '/v1/summaries') return void summaries(request, response).catch(() => undefined);
    response.writeHead(200);
    // An empty write sends the headers now.
    response.write('');
    streams.add(response);
    response.on('close', () => streams.delete(response));
  });
  let port = 0;
  const listen = (): Promise<void> =>
    new Promise((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  await listen();
  const write = (bytes: Uint8Array): void => {
    for (const stream of streams) stream.write(bytes);
  };
  const fake: FakeCentral = {
    url: `https://127.0.0.1:${port}`,
    authority,
    signer,
    token: 'a join token of the fake',
    stored: [],
    tried: [],
    connections: () => sockets.size,
    streams: () => streams.size,
    choose: () => 'accept',
    paceMs: 0,
    hashKeys: ['5a'.repeat(32)],
    pending: [],
    sign(order) {
      const payload = encodeOrder(order);
      return { payload, keyId: signer.id, signature: signer.sign(payload) };
    },
    push: (order) => write(delimit(encodeSignedOrder(order))),
    heartbeat: () => write(delimit(new Uint8Array(0))),
    async down() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    up: listen,
  };
  return fake;
}
