/**
 * The attacker's machine: takes whatever is sent to port 4444 and writes one JSON line per parcel; sends the
 * request whose URL comes on standard input, one a line.
 */

import { get } from 'node:http';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const tell = (fact) => process.stdout.write(`${JSON.stringify({ at: Date.now(), ...fact })}\n`);

createServer((socket) => {
  socket.on('data', (chunk) => tell({ taken: chunk.length }));
  socket.on('error', () => {});
}).listen(4444, '0.0.0.0', () => tell({ listening: 4444 }));

// The end of the demo, however it came, closes standard input.
const orders = createInterface({ input: process.stdin }).on('close', () => process.exit(0));

orders.on('line', (url) => {
  get(url, { agent: false, timeout: 2000 }, (reply) => {
    reply.resume();
    reply.on('end', () => tell({ url, status: reply.statusCode }));
  })
    .on('timeout', function () {
      this.destroy(new Error('timed out'));
    })
    .on('error', (error) => tell({ url, error: error.code ?? error.message }));
});
