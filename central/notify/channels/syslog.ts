/** Syslog, RFC 5424, over TLS (RFC 5425), TCP with the same framing (RFC 6587, 3.4.1), or UDP (RFC 5426). */
import { createSocket } from 'node:dgram';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Format, format } from '../formats.ts';
import { failureFrom } from '../http.ts';
import type { Channel, Failure, Notification } from '../notifier.ts';
import { headline } from '../words.ts';

export const TRANSPORTS = ['tls', 'tcp', 'udp'] as const;

export interface SyslogParts {
  readonly transport: (typeof TRANSPORTS)[number];
  readonly host: string;
  readonly port: number;
  readonly facility: number;
  /** text: one line for people; others: JSON. */
  readonly format: Format | 'text';
  readonly ca?: string;
}

const TIMEOUT_MS = 10_000;
/** What UDP carries without being cut on the way is less; what RFC 5426 wants taken is 2048. */
const DATAGRAM_BYTES = 2048;
const SEVERITY: Readonly<Record<string, number>> = { info: 6, low: 5, medium: 4, high: 3, critical: 2 };
/** The number that RFC 5612 keeps for documents: picket has none of its own. */
const SD_ID = 'picket@32473';

const quoted = (value: string): string => value.replace(/["\\\]]/g, (mark) => `\\${mark}`);
/** Printable ASCII without spaces, as RFC 5424 wants its header. */
const word = (value: string, most: number): string => value.replace(/[^!-~]/g, '_').slice(0, most) || '-';

/** One message, without framing. */
export function syslogMessage(one: Notification, parts: Pick<SyslogParts, 'facility' | 'format'>): string {
  const priority = parts.facility * 8 + (SEVERITY[one.severity] ?? 6);
  const data: [string, string][] = [
    ['cluster', one.cluster],
    ['incident', one.incident],
    ['severity', one.severity],
    ['actor', one.actor],
    ['namespace', one.namespaces[0] ?? ''],
  ];
  const structured = data.flatMap(([key, value]) => (value === '' ? [] : [` ${key}="${quoted(value)}"`]));
  const text = parts.format === 'text' ? headline(one, 1500) : JSON.stringify(format(one, parts.format));
  const time = new Date(one.atMs).toISOString();
  // The byte order mark says that what follows is UTF-8.
  return `<${priority}>1 ${time} ${word(one.cluster, 255)} picket - ${word(one.event, 32)} [${SD_ID}${structured.join('')}] \ufeff${text}`;
}

/** Length, a space, the message. */
export function framed(message: string): Buffer {
  const bytes = Buffer.from(message, 'utf8');
  return Buffer.concat([Buffer.from(`${bytes.length} `, 'ascii'), bytes]);
}

function datagram(parts: SyslogParts, message: string): Promise<Failure | null> {
  const bytes = Buffer.from(message, 'utf8').subarray(0, DATAGRAM_BYTES);
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(parts.host) ? 'udp6' : 'udp4');
    const done = (error: Error | null): void => {
      socket.close();
      resolve(error === null ? null : failureFrom(error));
    };
    socket.once('error', done);
    socket.send(bytes, parts.port, parts.host, (error) => done(error ?? null));
  });
}

/** A connection that is kept; a receiver that closed it is noticed before the next message is written. */
class Stream {
  private readonly parts: SyslogParts;
  private socket: Socket | null = null;
  constructor(parts: SyslogParts) {
    this.parts = parts;
  }

  private open(): Promise<Socket> {
    if (this.socket?.writable === true) return Promise.resolve(this.socket);
    const { host, port, ca, transport } = this.parts;
    return new Promise((resolve, reject) => {
      const socket =
        transport === 'tls'
          ? connectTls({ host, port, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) })
          : connectTcp({ host, port });
      this.socket = socket;
      const failed = (error: Error): void => {
        socket.destroy();
        reject(error);
      };
      socket.setTimeout(TIMEOUT_MS, () =>
        failed(new Error(`${host}:${port}: no answer in ${TIMEOUT_MS} ms`)),
      );
      socket.once('error', failed);
      socket.once(transport === 'tls' ? 'secureConnect' : 'connect', () => {
        socket.setTimeout(0);
        socket.off('error', failed);
        // Without a reader the end of the stream would never be seen.
        socket.on('error', () => socket.destroy()).resume();
        socket.on('end', () => socket.destroy());
        resolve(socket);
      });
    });
  }

  async write(message: string): Promise<void> {
    const socket = await this.open();
    await new Promise<void>((resolve, reject) => {
      socket.write(framed(message), (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.socket?.destroy(new Error('central stopped'));
  }
}

export function syslog(parts: SyslogParts): Channel {
  const stream = new Stream(parts);
  return {
    async deliver([one]) {
      if (one === undefined) return null;
      const message = syslogMessage(one, parts);
      try {
        if (parts.transport === 'udp') return await datagram(parts, message);
        await stream.write(message);
        return null;
      } catch (error) {
        return failureFrom(error);
      }
    },
    close: async () => stream.close(),
  };
}
