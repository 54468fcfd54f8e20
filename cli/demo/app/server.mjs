/**
 * The demo's web shop. /report is the hole: it puts a request's parameter into a shell command.
 * Every half second it also opens a fresh connection to the stock service and writes the outcome to its log:
 * that is how the demo sees, from inside, whether the container can still reach anything.
 */
import { exec } from 'node:child_process';
import { createServer, get } from 'node:http';
import { connect } from 'node:net';

const stock = { host: process.env.STOCK_HOST, port: 8081 };

function askStock(reply) {
  get({ ...stock, path: '/level', agent: false, timeout: 1000 }, (from) => {
    reply.writeHead(200, { 'content-type': 'application/json' });
    from.pipe(reply);
  }).on('error', (error) => reply.writeHead(502).end(error.message));
}

function report(host, reply) {
  exec(`echo report for ${host}`, { timeout: 30_000 }, (error, stdout) => {
    reply.writeHead(error ? 500 : 200).end(stdout);
  });
}

createServer((request, reply) => {
  const url = new URL(request.url, 'http://shop');
  if (url.pathname === '/items') askStock(reply);
  else if (url.pathname === '/report') report(url.searchParams.get('host') ?? 'all', reply);
  else reply.writeHead(200, { 'content-type': 'text/plain' }).end('picket demo shop\n');
}).listen(8080, '0.0.0.0', () => console.log(JSON.stringify({ at: Date.now(), listening: 8080 })));

setInterval(() => {
  const socket = connect({ ...stock, timeout: 400 });
  const tell = (outcome) => {
    console.log(JSON.stringify({ at: Date.now(), out: outcome }));
    socket.destroy();
  };
  socket.once('connect', () => tell('connected'));
  socket.once('timeout', () => tell('timed out'));
  socket.once('error', (error) => tell(error.code ?? error.message));
}, 500);
