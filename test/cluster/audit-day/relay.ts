/** Who calls from where: a port of this machine whose connections reach the API server from an address of the caller's own. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { run } from '../command.ts';
import { NODE_ADDRESS } from '../machine.ts';

export class Relays {
  readonly #servers = new Map<string, { server: Server; port: number }>();
  readonly #sockets = new Set<Socket>();

  /** An API server's address for whoever is to be seen as calling from `address`. */
  async from(address: string): Promise<string> {
    const known = this.#servers.get(address);
    if (known !== undefined) return `https://127.0.0.1:${known.port}`;
    await run(['ip', 'address', 'replace', `${address}/32`, 'dev', 'lo']);
    const server = createServer((socket) => this.#pass(socket, address));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    this.#servers.set(address, { server, port });
    return `https://127.0.0.1:${port}`;
  }

  close(): void {
    for (const { server } of this.#servers.values()) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(near: Socket, localAddress: string): void {
    const far = connect({ host: NODE_ADDRESS, port: 6443, localAddress });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
