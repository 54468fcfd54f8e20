/** Exec deny needs a kernel that was started with BPF LSM: it is tried in a virtual machine, and without it in another. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inMachine, vmTools } from './machine.ts';

const tools = vmTools();
if ('missing' in tools) console.log(`skipped: exec deny in a virtual machine: ${tools.missing}`);
const GUEST = join(import.meta.dirname, 'exec-deny-guest.ts');
/** What a shell says of a program that it may not run. */
const REFUSED = 126;
const EPERM = 1;

describe.skipIf('missing' in tools)('exec deny', { timeout: 600_000 }, () => {
  const boot = (lsm: string) =>
    'missing' in tools ? Promise.reject(new Error(tools.missing)) : inMachine(GUEST, tools, { lsm });

  test('refuses programs of the contained alone, from the order to its end, its undo, and through a new agent', async () => {
    expect(await boot('lockdown,capability,bpf')).toEqual({
      before: [0, false],
      'network alone': [0, false],
      denied: [REFUSED, EPERM, true],
      'the caller goes on': 0,
      others: 0,
      // Without what the agent tried.
      entry: [true, 1, null],
      adopted: [true, REFUSED, true],
      'until its end': REFUSED,
      // The kernel's clock ends it; the program goes with the next word of an agent.
      'after its end': [0, true],
      again: REFUSED,
      released: [0, 0, false],
      removed: false,
    });
  });

  test('on a kernel that was started without BPF LSM everything runs, and the reason is told', async () => {
    expect(await boot('lockdown,capability')).toMatchObject({
      denied: [0, 0, false],
      entry: [false, 0, expect.stringMatching(/^the kernel was started without lsm=\.\.\.,bpf \(/)],
      released: [0, 0, false],
    });
  });
});
