import { expect, test } from 'vitest';
import { callIds } from '../../../agent/features/call-ids.ts';
import { syscallName } from '../../../agent/features/syscalls.ts';

test.each([
  'x64',
  'arm64',
] as const)('every call of %s has an id that no unrelated call has', (architecture) => {
  const ids = callIds(architecture);
  expect(ids).toHaveLength(512);
  expect(Math.min(...ids)).toBe(1); // 0 means that no call is known
  expect(Math.max(...ids)).toBeLessThan(255); // the last is not a crowd of what found no room
  const byName = new Map([...ids].map((id, number) => [syscallName(architecture, number), id]));
  const alone = [
    'execve',
    'ptrace',
    'mount',
    'setns',
    'unshare',
    'bpf',
    'memfd_create',
    'mprotect',
    'connect',
    'socket',
  ];
  for (const name of alone)
    expect([...byName].filter(([, id]) => id === byName.get(name)).length).toBeLessThanOrEqual(2);
  expect(byName.get('dup3')).toBe(byName.get('dup'));
  expect(new Set(alone.map((name) => byName.get(name))).size).toBe(alone.length);
});
