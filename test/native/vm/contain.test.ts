/** Containment on another kernel than this machine's: PICKET_VM_KERNEL. What it cuts here it cuts there. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildDoer } from '../kernel-fixtures.ts';
import { inMachine, vmTools } from './machine.ts';

const tools = vmTools();
if ('missing' in tools) console.log(`skipped: containment in a virtual machine: ${tools.missing}`);
const GUEST = join(import.meta.dirname, 'contain-guest.ts');
const EPERM = 1;
const TIMED_OUT = 110;
const REFUSED = 111;
/** Wait status of a process that was ended by SIGKILL. */
const KILLED = 9;
/** Of what is asked: TCP to who does not listen, by both families; a datagram; a program. */
const FREE = [REFUSED, REFUSED, 0, 0];
const CUT = [EPERM, EPERM, EPERM, 0];

describe.skipIf('missing' in tools)('containment', { timeout: 600_000 }, () => {
  test('cuts TCP, datagrams, what was connected and programs, from the order to its end or undo, and gives all of it back', async () => {
    if ('missing' in tools) throw new Error(tools.missing);
    expect(await inMachine(GUEST, tools, { lsm: 'capability', files: [buildDoer()] })).toEqual({
      'not attached': [],
      connected: [0, 0],
      'open connection': [0, 0],
      'open connection, contained': [TIMED_OUT, TIMED_OUT],
      'open connection, released': [0, 0],
      before: FREE,
      contained: CUT,
      neighbour: 0,
      'from inside': { tcp4: EPERM, tcp6: EPERM, udp4: EPERM, udp6: EPERM },
      'but for a list': [REFUSED, EPERM, EPERM, 0],
      programs: [...FREE.slice(0, 3), KILLED],
      adopted: [true, [...CUT.slice(0, 3), KILLED]],
      'until its end': [...CUT.slice(0, 3), KILLED],
      'after its end': FREE,
      released: FREE,
    });
  });
});
