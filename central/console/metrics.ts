/** /metrics, /healthz and /readyz of central, plain HTTP: no names of workloads, no secrets. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { http } from '../../kit/http.ts';
import type { Metrics } from '../../kit/metrics.ts';

export interface MetricsServer {
  listen(host: string, port: number): Promise<number>;
  close(): Promise<void>;
}

/** `ready`: null when central serves, or why not. `alive`: whether its periodic work made progress lately. */
export function createMetricsServer(parts: {
  metrics: Metrics;
  ready: () => string | null;
  alive: () => boolean;
}): MetricsServer {
  const server: Server = http.createServer({ requestTimeout: 10_000 }, (request, response) => {
    const text = (status: number, body: string, type = 'text/plain'): void => {
      response.writeHead(status, { 'content-type': type });
      response.end(body);
    };
    switch (`${request.method} ${request.url}`) {
      case 'GET /metrics':
        parts.metrics.registry.metrics().then(
          (body) => text(200, body, parts.metrics.registry.contentType),
          (error: unknown) => text(500, `${error instanceof Error ? error.message : error}\n`),
        );
        return;
      case 'GET /healthz':
        return parts.alive() ? text(200, 'ok\n') : text(503, 'no progress\n');
      case 'GET /readyz': {
        const why = parts.ready();
        return why === null ? text(200, 'ready\n') : text(503, `${why}\n`);
      }
      default:
        return text(404, 'no such page\n');
    }
  });
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
