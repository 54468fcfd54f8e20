/** The world outside a container: echoes on TCP, and tells of every datagram with a line. Arguments: address, port. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [address = '127.0.0.1', port = '0'] = process.argv.slice(2);

const datagrams = createSocket('udp4');
datagrams.on('message', () => process.stdout.write('datagram\n'));
const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
datagrams.bind(Number(port), address, () => {
  server.listen(Number(port), address, () => process.stdout.write('listening\n'));
});
// Whoever started us is gone.
process.stdin.on('close', () => process.exit(0)).resume();
