/** TLS in front of a real API server: passes everything on, and fails as it is told; its authority can be replaced. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../../central/pki/authority.ts';
import { systemClock } from '../../kit/clock.ts';

export class FaultProxy {
  readonly folder = mkdtempSync(join(tmpdir(), 'picket-proxy-'));
  /** Answered in place of the server; null: passed on. */
  fault: () => { status: number; retryAfter?: number } | null = () => null;
  /** By method, path without query, and status. */
  readonly seen = new Map<string, number>();
  readonly #target: { url: string; caFile: string };
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  constructor(target: { url: string; caFile: string }) {
    this.#target = target;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }
  get caFile(): string {
    return join(this.folder, 'ca.crt');
  }

  /** Listens with a new authority, on the port of before. */
  async up(): Promise<void> {
    const authority = await createAuthority({
      folder: mkdtempSync(join(this.folder, 'pki-')),
      clock: systemClock(),
    });
    writeFileSync(this.caFile, authority.certificate);
    const { key, certificate } = await authority.server(['127.0.0.1']);
    const server = createServer({ key, cert: certificate }, (asked, answer) => this.#pass(asked, answer));
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    const closed = new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async remove(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #pass(asked: IncomingMessage, answer: ServerResponse): void {
    const note = (status: number): void => {
      const key = `${asked.url?.includes('watch=true') ? 'watch' : asked.method} ${status}`;
      this.seen.set(key, (this.seen.get(key) ?? 0) + 1);
    };
    const fault = this.fault();
    if (fault !== null) {
      note(fault.status);
      const { status, retryAfter } = fault;
      answer.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) });
      answer.end('{}');
      return;
    }
    const passed = request(
      new URL(asked.url ?? '/', this.#target.url),
      { method: asked.method ?? 'GET', headers: asked.headers, ca: readFileSync(this.#target.caFile) },
      (got) => {
        note(got.statusCode ?? 0);
        answer.writeHead(got.statusCode ?? 502, got.headers);
        got.pipe(answer);
      },
    );
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    asked.pipe(passed);
  }
}
