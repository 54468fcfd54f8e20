/** The observing programs on another kernel than this machine's: PICKET_VM_KERNEL. Its verifier takes what ours takes. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inMachine, vmTools } from './machine.ts';

const tools = vmTools();
if ('missing' in tools) console.log(`skipped: the probe in a virtual machine: ${tools.missing}`);
const GUEST = join(import.meta.dirname, 'probe-guest.ts');
/** The first has another name before Linux 6.3, the second is not there before Linux 6.13. */
const MAY_BE_ABSENT = ['tp_btf/io_uring_submit_req', 'tp_btf/cap_capable'];

describe.skipIf('missing' in tools)('the probe', { timeout: 600_000 }, () => {
  test('loads all its programs, in both forms, and sees what a container does', async () => {
    if ('missing' in tools) throw new Error(tools.missing);
    const found = (await inMachine(GUEST, tools, { lsm: 'capability' })) as Record<string, unknown>;
    console.log(JSON.stringify(found));
    const { 'not attached': missing, 'by helpers, not attached': missingOld, ...seen } = found;
    const refused = (hooks: unknown) =>
      Object.keys(hooks as object).filter((name) => !MAY_BE_ABSENT.includes(name));
    expect([refused(missing), refused(missingOld)]).toEqual([[], []]);
    expect(seen).toMatchObject({
      EXEC: true,
      OPEN: true,
      ACTION: true,
      DNS: true,
      NOVEL: true,
      EXIT: true,
      flows: true,
    });
    expect(seen['execs']).toBeGreaterThanOrEqual(3);
  });
});
