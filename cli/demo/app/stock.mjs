/** The service behind the shop. */
import { createServer } from 'node:http';

createServer((_request, reply) => {
  reply
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ screws: 1200, nails: 340 }));
}).listen(8081, '0.0.0.0');
