/** Ordinary customers: a few requests a second to every shop named in SHOPS, none of them to /report. */
import { get } from 'node:http';

const shops = (process.env.SHOPS ?? '').split(',');
let turn = 0;
setInterval(() => {
  const path = turn % 3 === 0 ? '/' : '/items';
  const host = shops[turn % shops.length];
  turn += 1;
  get({ host, port: 8080, path, agent: false, timeout: 1000 }, (reply) => reply.resume()).on(
    'error',
    () => {},
  );
}, 150);
