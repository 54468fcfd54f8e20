/** The record decoder as a fuzzing target: inputs to begin with, and what holds for every input. */
import { decodeFlows, decodeRecords } from '../../agent/events/decode.ts';
import { LAYOUT } from '../../agent/events/layout.ts';
import { piecesOf } from '../../agent/source/queue.ts';
import { answer, question } from '../builders/dns.ts';
import {
  actionRecord,
  cgroupRecord,
  deniedRecord,
  dnsRecord,
  execRecord,
  exitRecord,
  flowEntry,
  flowRecord,
  novelRecord,
  openRecord,
  pairRecord,
} from '../builders/records.ts';

const HEADER = LAYOUT['sizeof record_header'];
/** As in the decoder: a larger one is not believed. */
const MAX_RECORD = 4096;
/** Objects and numbers of one event, beside its texts. */
const EVENT_CHARACTERS = 4096;

/** Ends of the names of all constants that begin so. */
const endsOf = (start: string): string[] =>
  Object.keys(LAYOUT)
    .filter((name) => name.startsWith(start) && name !== 'ACTION_NO_CALL')
    .map((name) => name.slice(start.length));

const ANSWERS = [
  { name: null, type: 'CNAME', data: 'b.example' },
  { name: 'b.example', type: 'A', data: '203.0.113.9' },
];

/** What an execution may look like: plain, a script, and more arguments than are kept, from memory. */
function execs(): Buffer[] {
  const many = Array.from({ length: 200 }, (_, index) => `--option=${index}`);
  return [
    execRecord({ path: '/usr/bin/dash', args: ['sh', '-c', 'df -h'], parentExe: 'node' }),
    execRecord({
      path: '/usr/bin/python3',
      args: ['python3', 'job.py'],
      script: '/srv/job.py',
      streams: [1, 3, 4],
    }),
    execRecord({ path: '/memfd:x', args: many, flags: LAYOUT.EXEC_MEMFD, comm: 'loader' }),
  ];
}

/** One of each kind and of each shape of it, and two batches. */
export function seeds(): Buffer[] {
  const [exec = Buffer.alloc(1), ...otherExecs] = execs();
  const each = [
    exec,
    ...otherExecs,
    exitRecord({ status: 256 }),
    openRecord({ path: '/etc/shadow', exe: 'cat' }),
    flowRecord({ direction: 'connect', peer: '10.1.2.3', port: 443, exe: 'curl' }),
    cgroupRecord({ made: true, path: '/system.slice/ssh.service' }),
    cgroupRecord({ made: false, path: null }),
    deniedRecord({ what: 'connect', peer: '2001:db8::1', port: 80 }),
    pairRecord({ tid: 8, previous: 59, current: 101 }),
    ...endsOf('ACTION_').map((action) => actionRecord({ action, exe: 'mount', path: '/mnt' })),
    actionRecord({ action: 'RENAME', exe: 'mv', path: 'etc/x', flags: LAYOUT.PATH_CLAIMED, name: 'shadow' }),
    ...endsOf('NOVEL_').map((what) => novelRecord({ what, path: '/usr/lib', exe: 'cat', port: 80 })),
    dnsRecord({ what: 'QUESTION', server: '10.0.0.10', message: question('a.example', 'TXT'), exe: 'curl' }),
    dnsRecord({ what: 'ANSWER', server: '10.0.0.10', message: answer('a.example', ANSWERS) }),
    flowEntry({ direction: 'connect', peer: '10.9.8.7', port: 53 }),
  ];
  return [...each, Buffer.concat(each), Buffer.concat([exec, exec])];
}

/** The obvious slow count of what a batch holds: whole records, and whether something else ends it. */
function walk(batch: Buffer): { whole: number; cut: boolean } {
  let whole = 0;
  for (let at = 0; at < batch.length; ) {
    if (batch.length - at < HEADER) return { whole, cut: true };
    const size = batch.readUInt32LE(at + LAYOUT['record_header.size']);
    if (size < HEADER || size > MAX_RECORD || at + size > batch.length) return { whole, cut: true };
    whole += 1;
    at += size;
  }
  return { whole, cut: false };
}

const asText = (value: unknown): string =>
  JSON.stringify(value, (_, found) => (typeof found === 'bigint' ? String(found) : found));

function fail(what: string, batch: Buffer): never {
  throw new Error(`${what}: ${batch.toString('hex')}`);
}

/** Cheap enough for every input. @throws what does not hold, with the input. */
export function check(batch: Buffer): void {
  const { events, problems } = decodeRecords(batch);
  const { whole, cut } = walk(batch);
  const counted = Object.values(problems).reduce((sum, count) => sum + count, 0);
  if ((problems.cut ?? 0) !== Number(cut)) fail('an end that is no record is not told as one', batch);
  if (events.length + counted !== whole + Number(cut)) fail('a record is not accounted for', batch);
  const { flows, malformed } = decodeFlows(batch);
  const entries = Math.ceil(batch.length / LAYOUT['sizeof flow_entry']);
  if (flows.length + malformed > entries) fail('more flows than fit', batch);
}

/** What costs more, for some inputs: same bytes same events, in pieces as in one, and not larger than it may be. */
export function checkDeeply(batch: Buffer): void {
  const once = decodeRecords(batch);
  const text = asText(once);
  if (asText(decodeRecords(Buffer.from(batch))) !== text) fail('decoded twice it differs', batch);
  const pieces = piecesOf(batch, 512).flatMap((piece) => decodeRecords(piece).events);
  if (asText(pieces) !== asText(once.events)) fail('decoded in pieces it differs', batch);
  // A byte may become an escape of six characters.
  if (text.length > 6 * batch.length + EVENT_CHARACTERS * (once.events.length + 1)) fail('it grows', batch);
}
