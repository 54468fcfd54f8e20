import { expect, test } from 'vitest';
import { CALL_CLASSES, classOfCall } from '../../../agent/features/call-classes.ts';
import { syscallName } from '../../../agent/features/syscalls.ts';

test.each(['x64', 'arm64'] as const)('every named call of %s has a class', (architecture) => {
  const names = Array.from({ length: 512 }, (_, number) => syscallName(architecture, number));
  const named = names.filter((name) => !name.startsWith('call-'));
  expect(named.length).toBeGreaterThan(250);
  expect(named.filter((name) => classOfCall(name) === 'other')).toEqual([]);
});

test('a call without a name is of the last class', () => {
  expect(classOfCall('call-600')).toBe('other');
  expect(CALL_CLASSES.at(-1)).toBe('other');
  expect(new Set(CALL_CLASSES).size).toBe(CALL_CLASSES.length);
});

test('the same work done by another call is of the same class', () => {
  const classes = (names: string): string[] => [...new Set(names.split(' ').map(classOfCall))];
  expect(classes('open openat openat2 creat')).toEqual(['open']);
  expect(classes('poll epoll_wait select futex')).toEqual(['wait']);
  expect(classes('ptrace mount bpf init_module')).toEqual(['machine']);
});
