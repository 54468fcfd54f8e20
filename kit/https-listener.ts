/** What opening and closing an HTTPS server takes, however it answers. */
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

export interface Listener {
  /** Resolves with the port that was bound. */
  listen(host: string, port: number): Promise<number>;
  renewTls(tls: { readonly key: string; readonly certificate: string }): void;
  /** Requests under way have half a second. */
  close(): Promise<void>;
}

/** `contextOf`: what the server's connections are made with. */
export function listenerOf(
  server: Server,
  contextOf: (tls: { readonly key: string; readonly certificate: string }) => SecureContextOptions,
): Listener {
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    renewTls: (tls) => server.setSecureContext(contextOf(tls)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 500).unref();
      }),
  };
}
